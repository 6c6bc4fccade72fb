/* Metrics: the table, the manual and what is printed say the same. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/control/exposition.h"
#include "master/control/metrics.h"
#include "master/control/status.h"
#include "master/control/writer.h"
#include "master/system/file.h"
#include "unit/service.h"

#ifndef TOP_SRCDIR
#define TOP_SRCDIR "." /* make's environment says better */
#endif

static struct overview overview;
static struct reload_result last;

static void
begin(void)
{
	service_begin("limits = { max_clients = 9; };", "", "");
	last = (struct reload_result) { 0 };
	overview = (struct overview) { .service = &service, .reload = &last,
		.started_at = 1700000000, .configured_at = 1700000001 };
}

static int
teardown(void **state)
{
	service.counters.live = 0;
	service.counters.lingering = 0;
	return service_teardown(state);
}

/* The text has that line. */
static void
must_have(const char *line)
{
	char *text = metrics_text(&overview), wanted[512];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	if (strstr(text, wanted) == NULL)
		fail_msg("no '%s' in\n%s", line, text);
	free(text);
}

static void
must_not_have(const char *part)
{
	char *text = metrics_text(&overview);

	if (strstr(text, part) != NULL)
		fail_msg("'%s' in\n%s", part, text);
	free(text);
}

/* ------------------------------------------------------------------- the table */

/* Dashboards and alerts of people we do not know rely on them. */
static void
the_names_are_the_contract(void **state)
{
	static const char *const contract[] = {
		"forkgreet_accepted_total{listener}",
		"forkgreet_refused_total{listener,reason}",
		"forkgreet_ended_total{listener,outcome}",
		"forkgreet_clients{listener}",
		"forkgreet_lingering{listener}",
		"forkgreet_max_clients{}",
		"forkgreet_listen_queue{listener}",
		"forkgreet_sent_bytes_total{}",
		"forkgreet_session_duration_seconds{le}",
		"forkgreet_child_cpu_seconds_total{}",
		"forkgreet_fork_failures_total{}",
		"forkgreet_accept_failures_total{errno}",
		"forkgreet_spawner_generation{}",
		"forkgreet_spawner_starts_total{reason}",
		"forkgreet_reloads_total{result}",
		"forkgreet_config_last_reload_successful{}",
		"forkgreet_config_last_reload_success_timestamp_seconds{}",
		"forkgreet_state{listener,state}",
		"forkgreet_greeting_age_seconds{listener}",
		"forkgreet_log_dropped_total{}",
		"forkgreet_sandbox_info{sandbox,landlock_abi}",
		"forkgreet_start_time_seconds{}",
		"forkgreet_build_info{version,spawner_libc}",
	};
	char name[128];
	size_t i;

	(void)state;
	assert_int_equal(
	    metrics_count, sizeof(contract) / sizeof(contract[0]));
	for (i = 0; i < metrics_count; i++) {
		snprintf(name, sizeof(name), "%s{%s}", metrics_list[i].name,
		    metrics_list[i].labels);
		assert_string_equal(name, contract[i]);
	}
}

/* Line breaks are blanks. */
static char *
read_manual(void)
{
	const char *top = getenv("top_srcdir"), *why;
	char path[1024], *text, *at;
	size_t length;

	snprintf(path, sizeof(path), "%s/src/ctl/forkgreetctl.8",
	    top != NULL ? top : TOP_SRCDIR);
	if (file_read(path, 1 << 20, FILE_OF_ANYBODY, &text, &length, &why) ==
	    -1)
		fail_msg("%s: %s", path, why);
	for (at = text; *at != '\0'; at++)
		if (*at == '\n')
			*at = ' ';
	return text;
}

static void
the_manual_has_each_metric(void **state)
{
	char *manual = read_manual(), *at, wanted[512];
	const struct metric *metric;
	size_t i, n = 0;

	(void)state;
	for (i = 0; i < metrics_count; i++) {
		metric = &metrics_list[i];
		snprintf(wanted, sizeof(wanted), ".It Li %s%s%s%s %s. %s ",
		    metric->name, metric->labels[0] != '\0' ? "{" : "",
		    metric->labels, metric->labels[0] != '\0' ? "}" : "",
		    metric->type, metric->help);
		if (strstr(manual, wanted) == NULL)
			fail_msg("the manual has no '%s'", wanted);
	}
	for (at = manual; (at = strstr(at, ".It Li forkgreet_")) != NULL; at++)
		n++;
	assert_int_equal(n, metrics_count);
	free(manual);
}

/* Each has its two lines, once, and then its samples, which have its labels. */
static void
each_metric_is_printed(void **state)
{
	char *text, *at, wanted[512], labels[128];
	const struct metric *metric;
	size_t i;

	(void)state;
	begin();
	text = at = metrics_text(&overview);
	for (i = 0; i < metrics_count; i++) {
		metric = &metrics_list[i];
		snprintf(wanted, sizeof(wanted),
		    "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
		    metric->name, metric->type);
		if (strncmp(at, wanted, strlen(wanted)) != 0)
			fail_msg("'%s' expected at\n%s", wanted, at);
		at += strlen(wanted);
		snprintf(labels, sizeof(labels), "{%.*s=\"",
		    (int)strcspn(metric->labels, ","), metric->labels);
		while (*at != '#' && *at != '\0') {
			assert_memory_equal(
			    at, metric->name, strlen(metric->name));
			if (strcmp(metric->type, "histogram") != 0)
				assert_int_equal(
				    at[strlen(metric->name)],
				    metric->labels[0] != '\0' ? '{' : ' ');
			at = strchr(at, '\n') + 1;
		}
		if (metric->labels[0] != '\0' &&
		    strcmp(metric->name, "forkgreet_greeting_age_seconds") != 0)
			assert_non_null(strstr(text, labels));
	}
	assert_int_equal(*at, '\0');
	free(text);
}

/* ----------------------------------------------------------------- the format */

static void
must_expose(const char *value, const char *line)
{
	struct writer writer;
	FILE *out = writer_open(&writer);
	char *text;

	exposition_put(out, "m", LABEL("l", value), NO_LABEL, EXPOSITION_ONE, 5);
	text = writer_close(&writer);
	assert_string_equal(text, line);
	free(text);
}

static void
labels_are_escaped(void **state)
{
	(void)state;
	must_expose("a b", "m{l=\"a b\"} 5\n");
	must_expose("", "m{l=\"\"} 5\n");
	must_expose("a\"b", "m{l=\"a\\\"b\"} 5\n");
	must_expose("a\\b", "m{l=\"a\\\\b\"} 5\n");
	must_expose("a\nb", "m{l=\"a\\nb\"} 5\n");
	must_expose("\\n\\", "m{l=\"\\\\n\\\\\"} 5\n");
	must_expose("{}=,\xc3\xa4", "m{l=\"{}=,\xc3\xa4\"} 5\n");
}

static void
heads_are_escaped(void **state)
{
	struct writer writer;
	FILE *out = writer_open(&writer);
	char *text;

	(void)state;
	exposition_head(out, "m", "gauge", "a \"b\" \\ c\nd");
	text = writer_close(&writer);
	assert_string_equal(
	    text, "# HELP m a \"b\" \\\\ c\\nd\n# TYPE m gauge\n");
	free(text);
}

static void
seconds_have_six_decimals(void **state)
{
	static const struct {
		int64_t us;
		const char *line;
	} cases[] = {
		{ 0, "m 0.000000\n" }, { 1, "m 0.000001\n" },
		{ 999999, "m 0.999999\n" }, { 1000000, "m 1.000000\n" },
		{ INT64_MAX, "m 9223372036854.775807\n" },
	};
	struct writer writer;
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		exposition_put(writer_open(&writer), "m", NO_LABEL, NO_LABEL,
		    EXPOSITION_US, cases[i].us);
		text = writer_close(&writer);
		assert_string_equal(text, cases[i].line);
		free(text);
	}
}

/* ------------------------------------------------------------------ the values */

static void
listeners_have_their_counters(void **state)
{
	struct counters *counters = &service.counters;
	size_t row, i;

	(void)state;
	begin();
	row = setup.listeners.list[0].row;
	for (i = 0; i < 5; i++)
		counters_accept(counters, row);
	counters_refuse(counters, row, REFUSAL_DENIED);
	counters_end(counters, row, OUTCOME_PROBED);
	counters_linger(counters, row);
	service.states[1].state = STATE_DRAIN;
	must_have("forkgreet_accepted_total{listener=\"a\"} 5");
	must_have("forkgreet_accepted_total{listener=\"b\"} 0");
	must_have("forkgreet_refused_total{listener=\"a\",reason=\"denied\"} 1");
	must_have("forkgreet_refused_total{listener=\"b\",reason=\"denied\"} 0");
	must_have("forkgreet_ended_total{listener=\"a\",outcome=\"probed\"} 1");
	must_have("forkgreet_clients{listener=\"a\"} 3");
	must_have("forkgreet_lingering{listener=\"a\"} 1");
	must_have("forkgreet_state{listener=\"a\",state=\"ready\"} 1");
	must_have("forkgreet_state{listener=\"a\",state=\"drain\"} 0");
	must_have("forkgreet_state{listener=\"b\",state=\"ready\"} 0");
	must_have("forkgreet_state{listener=\"b\",state=\"drain\"} 1");
	must_have("forkgreet_max_clients 9");
	must_have("forkgreet_start_time_seconds 1700000000");
}

/* Until its last client has ended under its name, then in a sum. */
static void
nothing_is_lost_with_a_listener(void **state)
{
	size_t row;

	(void)state;
	begin();
	row = setup.listeners.list[1].row;
	counters_accept(&service.counters, row);
	service_change("", "", NULL);
	must_have("forkgreet_accepted_total{listener=\"b\"} 1");
	must_have("forkgreet_clients{listener=\"b\"} 1");
	must_not_have("forkgreet_state{listener=\"b\"");
	must_not_have("forkgreet_listen_queue{listener=\"b\"");
	must_not_have("listener=\"\"");
	counters_end(&service.counters, row, OUTCOME_GREETED);
	counters_tidy(&service.counters);
	must_not_have("listener=\"b\"");
	must_have("forkgreet_accepted_total{listener=\"\"} 1");
	must_have("forkgreet_ended_total{listener=\"\",outcome=\"greeted\"} 1");
	must_have("forkgreet_clients{listener=\"\"} 0");
	must_not_have("forkgreet_state{listener=\"\"");
}

static void
the_kernels_queue_is_shown(void **state)
{
	int first, second;

	(void)state;
	begin();
	must_have("forkgreet_listen_queue{listener=\"a\"} 0");
	first = client_connect(0, NULL);
	second = client_connect(0, NULL);
	must_have("forkgreet_listen_queue{listener=\"a\"} 2");
	must_have("forkgreet_listen_queue{listener=\"b\"} 0");
	close(first);
	close(second);
}

static void
failures_to_accept_have_their_errno(void **state)
{
	(void)state;
	begin();
	must_have("forkgreet_accept_failures_total{errno=\"EMFILE\"} 0");
	must_not_have("errno=\"EPERM\"");
	must_not_have("errno=\"other\"");
	counters_accept_failed(&service.counters, EMFILE);
	counters_accept_failed(&service.counters, EPERM);
	counters_accept_failed(&service.counters, EPERM);
	counters_accept_failed(&service.counters, COUNTERS_ERRNO_MAX);
	counters_accept_failed(&service.counters, -1);
	must_have("forkgreet_accept_failures_total{errno=\"EMFILE\"} 1");
	must_have("forkgreet_accept_failures_total{errno=\"EPERM\"} 2");
	must_have("forkgreet_accept_failures_total{errno=\"other\"} 2");
	assert_int_equal(service.counters.accept_failures, 5);
}

static void
reloads_are_shown(void **state)
{
	(void)state;
	begin();
	must_have("forkgreet_config_last_reload_successful 1");
	must_have("forkgreet_config_last_reload_success_timestamp_seconds "
		  "1700000001");
	service.counters.reloads_failed = 2;
	last.ended = 1700000009;
	must_have("forkgreet_config_last_reload_successful 0");
	must_have("forkgreet_reloads_total{result=\"failed\"} 2");
	must_have("forkgreet_config_last_reload_success_timestamp_seconds "
		  "1700000001");
	last.ok = true;
	must_have("forkgreet_config_last_reload_successful 1");
}

/* ----------------------------------------------------------------- the histogram */

static void
bounds_grow_and_read_as_they_are(void **state)
{
	char *end;
	double seconds;
	size_t i;

	(void)state;
	for (i = 0; i < DURATIONS_BOUNDS; i++) {
		seconds = strtod(durations_bounds[i].seconds, &end);
		assert_int_equal(*end, '\0');
		assert_int_equal(
		    (int64_t)(seconds * 1e6 + 0.5), durations_bounds[i].us);
		if (i > 0)
			assert_true(durations_bounds[i].us >
			    durations_bounds[i - 1].us);
	}
}

static void
each_duration_is_counted_once(void **state)
{
	struct durations *durations = &service.counters.durations;

	(void)state;
	begin();
	durations_note(durations, -1); /* never, but 0 then */
	durations_note(durations, 1000); /* bounds belong to what ends there */
	durations_note(durations, 1001);
	durations_note(durations, 60000001);
	must_have("forkgreet_session_duration_seconds_bucket{le=\"0.001\"} 2");
	must_have("forkgreet_session_duration_seconds_bucket{le=\"0.0025\"} 3");
	must_have("forkgreet_session_duration_seconds_bucket{le=\"60\"} 3");
	must_have("forkgreet_session_duration_seconds_bucket{le=\"+Inf\"} 4");
	must_have("forkgreet_session_duration_seconds_sum 60.002002");
	must_have("forkgreet_session_duration_seconds_count 4");
}

/* A client that is served is in it when it has gone. */
static void
a_session_is_noted_at_its_end(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	begin();
	slot = client_serve(0, NULL, &fd);
	must_have("forkgreet_session_duration_seconds_count 0");
	child_greet(slot);
	child_exit(slot, OUTCOME_GREETED);
	close(fd);
	now += 1500000;
	AWAIT((service_turn(), service.counters.live == 0));
	must_have("forkgreet_session_duration_seconds_bucket{le=\"1\"} 0");
	must_have("forkgreet_session_duration_seconds_bucket{le=\"2.5\"} 1");
	must_have("forkgreet_session_duration_seconds_count 1");
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_names_are_the_contract),
		cmocka_unit_test(the_manual_has_each_metric),
		TEST(each_metric_is_printed),
		cmocka_unit_test(labels_are_escaped),
		cmocka_unit_test(heads_are_escaped),
		cmocka_unit_test(seconds_have_six_decimals),
		TEST(listeners_have_their_counters),
		TEST(nothing_is_lost_with_a_listener),
		TEST(the_kernels_queue_is_shown),
		TEST(failures_to_accept_have_their_errno),
		TEST(reloads_are_shown),
		cmocka_unit_test(bounds_grow_and_read_as_they_are),
		TEST(each_duration_is_counted_once),
		TEST(a_session_is_noted_at_its_end),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
