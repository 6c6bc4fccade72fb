/* What forkgreetctl prints. */
#include "config.h"

#include "master/control/status.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/config/report.h"
#include "master/server.h"

/* A text in the making. */
struct writer {
	FILE *file;
	char *text;
	size_t length;
};

static FILE *
writer_open(struct writer *writer)
{
	*writer = (struct writer){ 0 };
	writer->file = open_memstream(&writer->text, &writer->length);
	return writer->file;
}

/* Returns the text, or NULL when not all of it could be had. */
static char *
writer_close(struct writer *writer)
{
	bool bad = ferror(writer->file) != 0;

	if (fclose(writer->file) == 0 && !bad)
		return writer->text;
	free(writer->text);
	return NULL;
}

/* RFC 8259, section 7; what is not ASCII is UTF-8 here. */
static void
put_json(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text != '\0'; text++)
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", (unsigned)*text);
		else
			fputc(*text, out);
	fputc('"', out);
}

/* RFC 3339, in UTC; text has room for 32 bytes. */
static const char *
format_time(int64_t seconds, char *text)
{
	time_t when = (time_t)seconds;
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(text, 32, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		snprintf(text, 32, "?");
	return text;
}

static bool
is_off(const struct server *server)
{
	return server->conf->sandbox == CONF_SANDBOX_OFF;
}

static int64_t
uptime(const struct server *server, int64_t now)
{
	return (now - server->ready_at) / CLOCK_SECOND;
}

/* ------------------------------------------------------------------ for people */

static void
put_addresses(FILE *out, const struct server *server, uint32_t group)
{
	const struct listener *listener = server->listeners.list;
	const struct listener *end = listener + server->listeners.n;
	const char *between = "  address   ";
	char text[ADDR_PORT_TEXT_MAX];

	for (; listener < end; listener++) {
		if (listener->group != group)
			continue;
		fprintf(out, "%s%s%s", between,
		    addr_format_port(&listener->bound, text),
		    listener->fd == -1 ? " (skipped)" : "");
		between = ", ";
	}
	fputc('\n', out);
}

static void
put_counters(FILE *out, const struct stats_row *row)
{
	size_t i;

	fprintf(out, "  accepted  %" PRIu64 "\n  refused   ", row->accepted);
	for (i = 0; i < REFUSAL_COUNT; i++)
		fprintf(out, "%s%s %" PRIu64, i > 0 ? ", " : "",
		    refusal_name((enum refusal)i), row->refused[i]);
	fputs("\n  ended     ", out);
	for (i = 0; i < OUTCOME_COUNT; i++)
		fprintf(out, "%s%s %" PRIu64, i > 0 ? ", " : "",
		    outcome_name((enum outcome)i), row->ended[i]);
	fputc('\n', out);
}

static void
put_row(FILE *out, const struct server *server, const struct stats_row *row)
{
	const struct conf *conf = server->conf;

	if (row->name[0] == '\0')
		return;
	fprintf(out, "\nlistener %s%s\n", row->name,
	    row->session == -1 ? " (removed by a reload)" : "");
	if (row->session != -1)
		put_addresses(out, server, (uint32_t)row->session);
	fprintf(out, "  live      %" PRIu32, row->live);
	if (row->session != -1)
		fprintf(out, " of %" PRId64,
		    conf->listener[row->session].limits.max_clients);
	fputc('\n', out);
	put_counters(out, row);
}

static void
put_reloads(FILE *out, const struct server *server)
{
	const struct reload_result *last = &server->reload.last;
	char text[32];

	fprintf(out, "reloads     %" PRIu64 " ok, %" PRIu64 " failed",
	    server->stats.reloads_ok, server->stats.reloads_failed);
	if (last->ended != 0)
		fprintf(out, ", the last one %s at %s",
		    last->ok ? "ok" : "failed", format_time(last->ended, text));
	fputc('\n', out);
}

static void
write_people(FILE *out, const struct server *server, int64_t now)
{
	const struct stats *stats = &server->stats;
	size_t i;

	fprintf(out,
	    "forkgreetd %s, pid %d, up %" PRId64 " s%s\n"
	    "sandbox     %s\n"
	    "generation  %" PRIu64 "\n"
	    "clients     %" PRIu32 " of %" PRId64 "\n",
	    PACKAGE_VERSION, (int)getpid(), uptime(server, now),
	    server->stop != STOP_NOT ? ", stopping" : "",
	    is_off(server) ? "off: clients are not confined" : "required",
	    server->spawners.generation, stats->live,
	    server->conf->limits.max_clients);
	put_reloads(out, server);
	fprintf(out, "log lines   %" PRIu64 " dropped\n", log_dropped());
	for (i = 0; i < stats->n_rows; i++)
		put_row(out, server, &stats->rows[i]);
	if (stats->gone.accepted > 0) {
		fputs("\nlisteners that are no more\n", out);
		put_counters(out, &stats->gone);
	}
}

/* ---------------------------------------------------------------- for programs */

static void
put_json_addresses(FILE *out, const struct server *server, uint32_t group)
{
	const struct listener *listener = server->listeners.list;
	const struct listener *end = listener + server->listeners.n;
	const char *between = "";
	char text[ADDR_TEXT_MAX];

	fputs("\"addresses\": [", out);
	for (; listener < end; listener++) {
		if (listener->group != group)
			continue;
		fprintf(out, "%s{\"address\": ", between);
		put_json(out, addr_format(&listener->bound, text));
		fprintf(out, ", \"port\": %u, \"listening\": %s}",
		    (unsigned)listener->bound.port,
		    listener->fd != -1 ? "true" : "false");
		between = ", ";
	}
	fputs("], ", out);
}

static void
put_json_counters(FILE *out, const struct stats_row *row)
{
	size_t i;

	fprintf(
	    out, "\"accepted\": %" PRIu64 ", \"refused\": {", row->accepted);
	for (i = 0; i < REFUSAL_COUNT; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i > 0 ? ", " : "",
		    refusal_name((enum refusal)i), row->refused[i]);
	fputs("}, \"ended\": {", out);
	for (i = 0; i < OUTCOME_COUNT; i++)
		fprintf(out, "%s\"%s\": %" PRIu64, i > 0 ? ", " : "",
		    outcome_name((enum outcome)i), row->ended[i]);
	fputs("}}", out);
}

static void
put_json_rows(FILE *out, const struct server *server)
{
	const struct stats_row *row = server->stats.rows;
	const struct stats_row *end = row + server->stats.n_rows;
	const char *between = "";

	fputs("\"listeners\": [", out);
	for (; row < end; row++) {
		if (row->name[0] == '\0')
			continue;
		fprintf(out, "%s{\"name\": ", between);
		put_json(out, row->name);
		fprintf(out, ", \"configured\": %s, ",
		    row->session != -1 ? "true" : "false");
		if (row->session != -1) {
			put_json_addresses(out, server, (uint32_t)row->session);
			fprintf(out, "\"max_clients\": %" PRId64 ", ",
			    server->conf->listener[row->session]
				.limits.max_clients);
		}
		fprintf(out, "\"live\": %" PRIu32 ", ", row->live);
		put_json_counters(out, row);
		between = ", ";
	}
	fputs("], \"removed\": {", out);
	put_json_counters(out, &server->stats.gone);
}

static void
put_json_reloads(FILE *out, const struct server *server)
{
	const struct reload_result *last = &server->reload.last;
	char text[32];

	fprintf(out,
	    "\"reloads\": {\"ok\": %" PRIu64 ", \"failed\": %" PRIu64
	    ", \"last\": ",
	    server->stats.reloads_ok, server->stats.reloads_failed);
	if (last->ended == 0)
		fputs("null", out);
	else
		fprintf(out, "{\"result\": \"%s\", \"time\": \"%s\"}",
		    last->ok ? "ok" : "failed", format_time(last->ended, text));
	fputs("}, ", out);
}

static void
write_json(FILE *out, const struct server *server, int64_t now)
{
	fprintf(out,
	    "{\"version\": \"%s\", \"pid\": %d, \"uptime\": %" PRId64
	    ", \"stopping\": %s, \"sandbox\": \"%s\", \"generation\": %" PRIu64
	    ", \"live\": %" PRIu32 ", \"max_clients\": %" PRId64
	    ", \"log_dropped\": %" PRIu64 ", ",
	    PACKAGE_VERSION, (int)getpid(), uptime(server, now),
	    server->stop != STOP_NOT ? "true" : "false",
	    is_off(server) ? "off" : "required", server->spawners.generation,
	    server->stats.live, server->conf->limits.max_clients,
	    log_dropped());
	put_json_reloads(out, server);
	put_json_rows(out, server);
	fputs("}\n", out);
}

char *
status_text(const struct server *server, bool json, int64_t now)
{
	struct writer writer;

	if (writer_open(&writer) == NULL)
		return NULL;
	if (json)
		write_json(writer.file, server, now);
	else
		write_people(writer.file, server, now);
	return writer_close(&writer);
}

/* --------------------------------------------------------------------- reloads */

static void
put_json_lines(FILE *out, const struct report *report, bool warnings)
{
	const struct report_line *line = report->lines;
	const char *between = "";

	fprintf(out, ", \"%s\": [", warnings ? "warnings" : "errors");
	for (; line < report->lines + report->kept; line++) {
		if (line->warning != warnings)
			continue;
		fputs(between, out);
		put_json(out, line->text);
		between = ", ";
	}
	fputc(']', out);
}

char *
status_reload_text(const struct server *server, const struct report *report,
    enum control_status status, bool json)
{
	const struct reload_result *last = &server->reload.last;
	struct writer writer;

	if (writer_open(&writer) == NULL)
		return NULL;
	if (json) {
		fprintf(writer.file,
		    "{\"result\": \"%s\", \"generation\": %" PRIu64
		    ", \"added\": %" PRIu64 ", \"removed\": %" PRIu64,
		    status == CONTROL_OK ? "ok" : "failed",
		    server->spawners.generation, last->added, last->removed);
		put_json_lines(writer.file, report, false);
		put_json_lines(writer.file, report, true);
		fputs("}\n", writer.file);
	}
	return writer_close(&writer);
}

char *
status_report_text(const struct report *report)
{
	const struct report_line *line = report->lines;
	struct writer writer;

	if (writer_open(&writer) == NULL)
		return NULL;
	for (; line < report->lines + report->kept; line++)
		fprintf(writer.file, "forkgreetd: %s\n", line->text);
	return writer_close(&writer);
}
