/* All that is counted, for Prometheus. */
#include "config.h"

#include "master/control/metrics.h"

#include <errno.h>
#include <string.h>

#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/control/metrics_listeners.h"
#include "master/control/status.h"
#include "master/control/writer.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/log.h"
#include "shared/landlock.h"

#define NAME_MAX_BYTES 64 /* of a metric with its suffix */
#define DIGITS_MAX 12 /* of an int, and a NUL */

/* ----------------------------------------------------------------- one number */

static const struct counters *
counters_of(const struct overview *overview)
{
	return &overview->service->counters;
}

static int64_t
get_max_clients(const struct overview *overview)
{
	return overview->service->setup->conf->limits.max_clients;
}

static int64_t
get_sent_bytes(const struct overview *overview)
{
	return (int64_t)counters_of(overview)->sent_bytes;
}

static int64_t
get_cpu(const struct overview *overview)
{
	return (int64_t)counters_of(overview)->cpu_us;
}

static int64_t
get_fork_failures(const struct overview *overview)
{
	return (int64_t)counters_of(overview)->fork_failures;
}

static int64_t
get_generation(const struct overview *overview)
{
	return (int64_t)spawners_serving(
	    overview->service->generation->spawners);
}

static int64_t
get_configured_at(const struct overview *overview)
{
	return overview->configured_at;
}

/* The start is a success. */
static int64_t
get_last_reload(const struct overview *overview)
{
	return overview->reload->ended == 0 || overview->reload->ok;
}

static int64_t
get_log_dropped(const struct overview *overview)
{
	(void)overview;
	return (int64_t)log_dropped();
}

static int64_t
get_started_at(const struct overview *overview)
{
	return overview->started_at;
}

/* -------------------------------------------------------------------- several */

static void
put_part(const struct series *series, const char *suffix, const char *bound,
    enum exposition_unit unit, uint64_t value)
{
	char name[NAME_MAX_BYTES];

	snprintf(name, sizeof(name), "%s_%s", series->metric->name, suffix);
	exposition_put(series->out, name,
	    LABEL(bound == NULL ? NULL : "le", bound), NO_LABEL, unit,
	    (int64_t)value);
}

static void
put_durations(const struct series *series)
{
	const struct durations *durations =
	    &counters_of(series->overview)->durations;
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < DURATIONS_BOUNDS; i++) {
		sum += durations->count[i];
		put_part(series, "bucket", durations_bounds[i].seconds,
		    EXPOSITION_ONE, sum);
	}
	sum += durations->count[DURATIONS_BOUNDS];
	put_part(series, "bucket", "+Inf", EXPOSITION_ONE, sum);
	put_part(series, "sum", NULL, EXPOSITION_US, durations->total_us);
	put_part(series, "count", NULL, EXPOSITION_ONE, sum);
}

/* Shown before they happen, so that the first one is an increase. */
static bool
is_likely(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS ||
	    error == ENOMEM;
}

static void
put_accept_failures(const struct series *series)
{
	const uint64_t *errors = counters_of(series->overview)->accept_errors;
	const char *name;
	int i;

	for (i = 0; i < COUNTERS_ERRNO_MAX; i++) {
		if (errors[i] == 0 && !is_likely(i))
			continue;
		name = i == 0 ? NULL : strerrorname_np(i);
		series_put(series, LABEL("errno", name == NULL ? "other" : name),
		    NO_LABEL, (int64_t)errors[i]);
	}
}

static void
put_starts(const struct series *series)
{
	const uint64_t *starts =
	    series->overview->service->generation->spawners->starts;
	size_t i;

	for (i = 0; i < SPAWNER_REASONS; i++)
		series_put(series,
		    LABEL("reason",
			spawners_reason_name((enum spawner_reason)i)),
		    NO_LABEL, (int64_t)starts[i]);
}

static void
put_reloads(const struct series *series)
{
	const struct counters *counters = counters_of(series->overview);

	series_put(series, LABEL("result", "ok"), NO_LABEL,
	    (int64_t)counters->reloads_ok);
	series_put(series, LABEL("result", "failed"), NO_LABEL,
	    (int64_t)counters->reloads_failed);
}

static void
put_sandbox(const struct series *series)
{
	const struct conf *conf = series->overview->service->setup->conf;
	bool off = conf->sandbox == CONF_SANDBOX_OFF;
	char abi[DIGITS_MAX];

	snprintf(abi, sizeof(abi), "%d", off ? 0 : landlock_abi());
	series_put(series, LABEL("sandbox", off ? "off" : "required"),
	    LABEL("landlock_abi", abi), 1);
}

static void
put_build(const struct series *series)
{
	series_put(series, LABEL("version", PACKAGE_VERSION),
	    LABEL("spawner_libc", SPAWNER_LIBC), 1);
}

/* ------------------------------------------------------------------ the table */

#define COUNTER "counter"
#define GAUGE "gauge"

const struct metric metrics_list[] = {
	{ "forkgreet_accepted_total", COUNTER, "listener",
	    "Clients that were accepted, those refused afterwards too.",
	    EXPOSITION_ONE, metrics_accepted, NULL },
	{ "forkgreet_refused_total", COUNTER, "listener,reason",
	    "Clients that were refused.",
	    EXPOSITION_ONE, metrics_refused, NULL },
	{ "forkgreet_ended_total", COUNTER, "listener,outcome",
	    "Clients whose connection was closed, by how it ended.",
	    EXPOSITION_ONE, metrics_ended, NULL },
	{ "forkgreet_clients", GAUGE, "listener",
	    "Clients that were accepted, and neither refused nor closed yet.",
	    EXPOSITION_ONE, metrics_clients, NULL },
	{ "forkgreet_lingering", GAUGE, "listener",
	    "Of those, connections without a process.",
	    EXPOSITION_ONE, metrics_lingering, NULL },
	{ "forkgreet_max_clients", GAUGE, "",
	    "Clients that may have a process at a time: limits.max_clients.",
	    EXPOSITION_ONE, NULL, get_max_clients },
	{ "forkgreet_listen_queue", GAUGE, "listener",
	    "Connections that wait in the kernel to be accepted; of UNIX sockets "
	    "that is not known.",
	    EXPOSITION_ONE, metrics_listen_queue, NULL },
	{ "forkgreet_sent_bytes_total", COUNTER, "",
	    "Bytes that clients acknowledged, as far as the log has them.",
	    EXPOSITION_ONE, NULL, get_sent_bytes },
	{ "forkgreet_session_duration_seconds", "histogram", "le",
	    "From accepting a client to closing its connection.",
	    EXPOSITION_US, put_durations, NULL },
	{ "forkgreet_child_cpu_seconds_total", COUNTER, "",
	    "Processor time of the processes that served clients.",
	    EXPOSITION_US, NULL, get_cpu },
	{ "forkgreet_fork_failures_total", COUNTER, "",
	    "Processes for clients that the system did not give.",
	    EXPOSITION_ONE, NULL, get_fork_failures },
	{ "forkgreet_accept_failures_total", COUNTER, "errno",
	    "Failures to accept that were not a connection's own.",
	    EXPOSITION_ONE, put_accept_failures, NULL },
	{ "forkgreet_spawner_generation", GAUGE, "",
	    "The generation that serves.",
	    EXPOSITION_ONE, NULL, get_generation },
	{ "forkgreet_spawner_starts_total", COUNTER, "reason",
	    "Generations that began to serve, by why.",
	    EXPOSITION_ONE, put_starts, NULL },
	{ "forkgreet_reloads_total", COUNTER, "result",
	    "Reloads of the configuration that ended.",
	    EXPOSITION_ONE, put_reloads, NULL },
	{ "forkgreet_config_last_reload_successful", GAUGE, "",
	    "1 unless the last reload failed.",
	    EXPOSITION_ONE, NULL, get_last_reload },
	{ "forkgreet_config_last_reload_success_timestamp_seconds", GAUGE, "",
	    "When the configuration in force was loaded.",
	    EXPOSITION_ONE, NULL, get_configured_at },
	{ "forkgreet_state", GAUGE, "listener,state",
	    "1 for the state that the listener is in, 0 for the others.",
	    EXPOSITION_ONE, metrics_state, NULL },
	{ "forkgreet_greeting_age_seconds", GAUGE, "listener",
	    "Since the greeting_file in force was written.",
	    EXPOSITION_US, metrics_greeting_age, NULL },
	{ "forkgreet_log_dropped_total", COUNTER, "",
	    "Log lines that were lost because the log was slow.",
	    EXPOSITION_ONE, NULL, get_log_dropped },
	{ "forkgreet_sandbox_info", GAUGE, "sandbox,landlock_abi",
	    "1; the labels say how clients are confined.",
	    EXPOSITION_ONE, put_sandbox, NULL },
	{ "forkgreet_start_time_seconds", GAUGE, "",
	    "When the daemon began to serve.",
	    EXPOSITION_ONE, NULL, get_started_at },
	{ "forkgreet_build_info", GAUGE, "version,spawner_libc",
	    "1; the labels say what runs.",
	    EXPOSITION_ONE, put_build, NULL },
};

const size_t metrics_count = sizeof(metrics_list) / sizeof(metrics_list[0]);

static void
put_metric(const struct series *series)
{
	const struct metric *metric = series->metric;

	exposition_head(series->out, metric->name, metric->type, metric->help);
	if (metric->put != NULL)
		metric->put(series);
	else
		series_put(series, NO_LABEL, NO_LABEL,
		    metric->number(series->overview));
}

char *
metrics_text(const struct overview *overview)
{
	struct writer writer;
	struct series series = { .overview = overview };
	size_t i;

	series.out = writer_open(&writer);
	if (series.out == NULL)
		return NULL;
	for (i = 0; i < metrics_count; i++) {
		series.metric = &metrics_list[i];
		put_metric(&series);
	}
	return writer_close(&writer);
}
