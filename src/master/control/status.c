/* Shows the daemon's state. */
#include "config.h"

#include "master/control/status.h"

#include <inttypes.h>
#include <unistd.h>

#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/control/listing.h"
#include "master/control/log_level.h"
#include "master/control/writer.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/clock.h"

/* The value of a field: a text, or without one a number. */
struct value {
	const char *text;
	int64_t number;
};

static struct value
value_text(const char *text)
{
	return (struct value) { .text = text };
}

static struct value
value_number(int64_t number)
{
	return (struct value) { .number = number };
}

static struct value
get_version(const struct overview *overview, int64_t now)
{
	(void)overview;
	(void)now;
	return value_text(PACKAGE_VERSION);
}

static struct value
get_pid(const struct overview *overview, int64_t now)
{
	(void)overview;
	(void)now;
	return value_number(getpid());
}

static struct value
get_uptime(const struct overview *overview, int64_t now)
{
	return value_number((now - overview->ready_at) / CLOCK_SECOND);
}

static struct value
get_stopping(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(overview->stopping);
}

static struct value
get_sandbox(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_text(overview->service->setup->conf->sandbox ==
		    CONF_SANDBOX_OFF ? "off" : "required");
}

static struct value
get_unconfined(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(overview->service->setup->conf->sandbox ==
	    CONF_SANDBOX_OFF);
}

static struct value
get_generation(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(
	    (int64_t)spawners_serving(
		overview->service->generation->spawners));
}

static struct value
get_live(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(overview->service->counters.live);
}

static struct value
get_places(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(service_places(overview->service));
}

static struct value
get_lingering(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(overview->service->counters.lingering);
}

static struct value
get_max_clients(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(
	    overview->service->setup->conf->limits.max_clients);
}

static struct value
get_log_dropped(const struct overview *overview, int64_t now)
{
	(void)overview;
	(void)now;
	return value_number((int64_t)log_dropped());
}

static struct value
get_log_level(const struct overview *overview, int64_t now)
{
	(void)overview;
	(void)now;
	return value_text(log_level_name(log_level()));
}

/* "log-level" holds. */
static struct value
get_log_level_temporary(const struct overview *overview, int64_t now)
{
	(void)now;
	return value_number(log_level() !=
	    (int)overview->service->setup->conf->log.level);
}

/* The daemon's fields, in the order in which they are shown. */
static const struct field {
	const char *key; /* in JSON; NULL: left out */
	const char *before, *after; /* for people: what is put round it; NULL:
				     * not shown */
	bool is_flag; /* a boolean: for people its words, or nothing */
	struct value (*get)(const struct overview *overview, int64_t now);
} fields[] = {
	{ "version", "forkgreetd ", "", false, get_version },
	{ "pid", ", pid ", "", false, get_pid },
	{ "uptime", ", up ", " s", false, get_uptime },
	{ "stopping", ", stopping", "", true, get_stopping },
	{ "sandbox", "\nsandbox     ", "", false, get_sandbox },
	{ NULL, ": clients are not confined", "", true, get_unconfined },
	{ "generation", "\ngeneration  ", "", false, get_generation },
	{ NULL, "\nclients     ", "", false, get_places },
	{ "max_clients", " of ", "", false, get_max_clients },
	{ "live", NULL, NULL, false, get_live },
	{ "lingering", ", ", " lingering", false, get_lingering },
	{ "log_level", "\nlog level   ", "", false, get_log_level },
	{ "log_level_temporary", ", until the next reload or restart", "", true,
	    get_log_level_temporary },
	{ "log_dropped", "\nlog lines   ", " dropped", false,
	    get_log_dropped },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void
put_people(FILE *out, const struct field *field, const struct value *value)
{
	if (field->before == NULL || (field->is_flag && value->number == 0))
		return;
	fputs(field->before, out);
	if (value->text != NULL)
		fputs(value->text, out);
	else if (!field->is_flag)
		fprintf(out, "%" PRId64, value->number);
	fputs(field->after, out);
}

static void
put_json(FILE *out, const struct field *field, const struct value *value)
{
	if (field->key == NULL)
		return;
	fprintf(out, "\"%s\": ", field->key);
	if (value->text != NULL)
		writer_json(out, value->text);
	else if (field->is_flag)
		fputs(value->number != 0 ? "true" : "false", out);
	else
		fprintf(out, "%" PRId64, value->number);
	fputs(", ", out);
}

static void
put_fields(FILE *out, const struct overview *overview, bool json, int64_t now)
{
	struct value value;
	size_t i;

	for (i = 0; i < FIELDS; i++) {
		value = fields[i].get(overview, now);
		if (json)
			put_json(out, &fields[i], &value);
		else
			put_people(out, &fields[i], &value);
	}
}

/* The last part of both forms. */
static void
put_reloads(FILE *out, const struct overview *overview)
{
	const struct counters *counters = &overview->service->counters;
	const struct reload_result *last = overview->reload;
	char text[WRITER_TIME_MAX];

	fprintf(out, "\nreloads     %" PRIu64 " ok, %" PRIu64 " failed",
	    counters->reloads_ok, counters->reloads_failed);
	if (last->ended != 0)
		fprintf(out, ", the last one %s at %s",
		    last->ok ? "ok" : "failed", writer_time(last->ended, text));
	fputc('\n', out);
}

static void
put_json_reloads(FILE *out, const struct overview *overview)
{
	const struct counters *counters = &overview->service->counters;
	const struct reload_result *last = overview->reload;
	char text[WRITER_TIME_MAX];

	fprintf(out,
	    "\"reloads\": {\"ok\": %" PRIu64 ", \"failed\": %" PRIu64
	    ", \"last\": ",
	    counters->reloads_ok, counters->reloads_failed);
	if (last->ended == 0)
		fputs("null", out);
	else
		fprintf(out, "{\"result\": \"%s\", \"time\": \"%s\"}",
		    last->ok ? "ok" : "failed", writer_time(last->ended, text));
	fputs("}, ", out);
}

char *
status_text(const struct overview *overview, bool json, int64_t now)
{
	struct writer writer;
	FILE *out = writer_open(&writer);

	if (out == NULL)
		return NULL;
	if (json)
		fputc('{', out);
	put_fields(out, overview, json, now);
	if (json) {
		put_json_reloads(out, overview);
		listing_json(out, overview->service);
		fputs("}\n", out);
	} else {
		put_reloads(out, overview);
		listing_people(out, overview->service);
	}
	return writer_close(&writer);
}
