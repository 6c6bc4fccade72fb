/* The verbs, and what status shows: for people, and for programs. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/control/counts.h"
#include "master/control/status.h"
#include "master/control/verbs.h"
#include "master/system/clock.h"
#include "unit/service.h"

static struct overview overview;
static struct reload_result last;

static void
begin(const char *top)
{
	service_begin(top, "limits = { max_clients = 5; };", "");
	last = (struct reload_result) { 0 };
	overview = (struct overview) { .service = &service, .reload = &last,
		.ready_at = now };
}

/* ---------------------------------------------------------------------- verbs */

static struct verb_result
run(const char *request, size_t length)
{
	struct verb_result result;
	char line[128];

	memcpy(line, request, length);
	line[length] = '\0';
	verbs_run(&result, line, length, RIGHTS_ALL, &overview, NULL, now);
	return result;
}

static void
a_verb_is_a_word_and_json_an_option(void **state)
{
	struct verb_result result;

	(void)state;
	begin("");
	result = run("status", 6);
	assert_null(result.refusal);
	assert_false(result.json || result.reload);
	assert_ptr_equal(
	    strstr(result.text, "forkgreetd " PACKAGE_VERSION), result.text);
	free(result.text);
	result = run("status json", 11);
	assert_null(result.refusal);
	assert_true(result.json && !result.reload);
	assert_int_equal(result.text[0], '{');
	free(result.text);
	result = run("reload", 6);
	assert_null(result.refusal);
	assert_true(result.reload && !result.json);
	assert_null(result.text);
	result = run("reload json", 11);
	assert_null(result.refusal);
	assert_true(result.reload && result.json);
}

static void
anything_else_is_no_verb(void **state)
{
	static const struct {
		const char *text;
		size_t length;
	} wrong[] = {
		{ "", 0 }, { " ", 1 }, { "statu", 5 }, { "statusx", 7 },
		{ "Status", 6 }, { "status ", 7 }, { " status", 7 },
		{ "status  json", 12 }, { "status\tjson", 11 },
		{ "status JSON", 11 }, { "status jso", 10 },
		{ "status jsonx", 12 }, { "status json json", 16 },
		{ "status reload", 13 }, { "reload now", 10 },
		{ "json", 4 }, { "json status", 11 }, { "status\r", 7 },
		{ "status\0", 7 }, { "status\0json", 11 },
		{ "status json\0", 12 }, { "counts", 6 },
		{ "counts listener=a", 17 }, { "counts source=::1", 17 },
		{ "counts listener=a source=a", 26 },
		{ "counts listener=a listener=b source=::1", 39 },
		{ "live source=::1", 15 }, { "status source=::1", 17 },
		{ "drain source=::1", 16 },
	};
	struct verb_result result;
	size_t i;

	(void)state;
	begin("");
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		result = run(wrong[i].text, wrong[i].length);
		if (result.refusal == NULL)
			fail_msg("'%s' is a verb", wrong[i].text);
		assert_false(result.reload);
		assert_null(result.text);
	}
}

/* --------------------------------------------------------------------- counts */

static void
counts_ask(struct counts *counts, const char *request)
{
	struct verb_result result = run(request, strlen(request));

	assert_null(result.refusal);
	assert_non_null(result.text);
	assert_int_equal(
	    counts_parse(counts, result.text, strlen(result.text)), 0);
	free(result.text);
}

static void
counts_are_what_decides(void **state)
{
	struct counts counts;
	int fd;

	(void)state;
	begin("");
	fd = client_connect(0, "127.0.0.9");
	service_turn();
	service.states[0] = (struct listener_state) { STATE_DRAIN, 30, 99,
		"100% full, \xc3\xa9" };
	counts_ask(&counts, "counts listener=a source=127.0.0.9");
	assert_int_equal(counts.pid, getpid());
	assert_int_equal(counts.fingerprint, setup.conf->fingerprint);
	assert_int_equal(counts.next_id, 2);
	assert_int_equal(counts.clients, 1);
	assert_int_equal(counts.known, 1);
	assert_int_equal(counts.listener_clients, 1);
	assert_int_equal(counts.levels.clients, 1);
	assert_int_equal(counts.levels.daemon, LEVELS_NONE);
	assert_int_equal(counts.state, STATE_DRAIN);
	assert_int_equal(counts.weight, 30);
	assert_int_equal(counts.until, 99);
	assert_string_equal(counts.reason, "100% full, \xc3\xa9");
	counts_ask(&counts, "counts listener=b source=127.0.0.9");
	assert_int_equal(counts.clients, 1);
	assert_int_equal(counts.listener_clients, 0);
	counts_ask(&counts, "counts listener=c source=127.0.0.9");
	assert_int_equal(counts.known, 0);
	assert_int_equal(counts.clients, 1);
	close(fd);
}

/* --------------------------------------------------------------------- status */

/* Clients of listener a: three, one of whom lingers, and one that has ended. */
static void
count_some(void)
{
	struct counters *counters = &service.counters;
	size_t row = setup.listeners.list[0].row;
	int i;

	for (i = 0; i < 5; i++)
		counters_accept(counters, row);
	counters_refuse(counters, row, REFUSAL_DENIED);
	counters_end(counters, row, OUTCOME_PROBED);
	counters_linger(counters, row);
}

static int
teardown(void **state)
{
	service.counters.live = 0;
	service.counters.lingering = 0;
	return service_teardown(state);
}

static void must_say(bool json, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void
must_say(bool json, const char *format, ...)
{
	char *text = status_text(&overview, json, now), want[4096];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(want, sizeof(want), format, arguments);
	va_end(arguments);
	if (strncmp(text, want, strlen(want)) != 0)
		fail_msg("'%s'\nbegins not with\n'%s'", text, want);
	free(text);
}

static void
people_read_of_the_daemon_and_its_listeners(void **state)
{
	char a[ADDR_PORT_TEXT_MAX], b[ADDR_PORT_TEXT_MAX];
	const struct listener *list;

	(void)state;
	begin("limits = { max_clients = 9; };");
	count_some();
	list = setup.listeners.list;
	now += 65 * CLOCK_SECOND + 1;
	must_say(false,
	    "forkgreetd %s, pid %d, up 65 s\n"
	    "sandbox     off: clients are not confined\n"
	    "generation  7\n"
	    "clients     2 of 9, 1 lingering\n"
	    "log level   info\n"
	    "log lines   0 dropped\n"
	    "reloads     0 ok, 0 failed\n"
	    "\n"
	    "listener a\n"
	    "  address   %s\n"
	    "  clients   2 of 5, 1 lingering\n"
	    "  accepted  5\n"
	    "  refused   busy 0, rate 0, busy_per_source 0, "
	    "rate_per_source 0, denied 1, no_resources 0\n"
	    "  ended     greeted 0, client_gone 0, reset 0, send_timeout 0, "
	    "bad_request 0, request_timeout 0, proxy_error 0, probed 1, "
	    "session_timeout 0, cpu_limit 0, violation 0, "
	    "crashed 0, killed 0\n"
	    "\n"
	    "listener b\n"
	    "  address   %s\n"
	    "  clients   0 of 9, 0 lingering\n",
	    PACKAGE_VERSION, getpid(), addr_format_port(&list[0].bound, a),
	    addr_format_port(&list[1].bound, b));
}

static void
people_read_of_reloads_and_the_end(void **state)
{
	(void)state;
	begin("");
	service.counters.reloads_ok = 3;
	service.counters.reloads_failed = 2;
	last.ended = 1700000000;
	overview.stopping = true;
	must_say(false, "forkgreetd %s, pid %d, up 0 s, stopping\n",
	    PACKAGE_VERSION, getpid());
	overview.stopping = false;
	must_say(false,
	    "forkgreetd %s, pid %d, up 0 s\n"
	    "sandbox     off: clients are not confined\n"
	    "generation  7\n"
	    "clients     0 of 512, 0 lingering\n"
	    "log level   info\n"
	    "log lines   0 dropped\n"
	    "reloads     3 ok, 2 failed, the last one failed at "
	    "2023-11-14T22:13:20Z\n",
	    PACKAGE_VERSION, getpid());
}

static void
programs_read_one_object(void **state)
{
	char address[ADDR_TEXT_MAX];
	char *text;

	(void)state;
	begin("limits = { max_clients = 9; };");
	count_some();
	last = (struct reload_result) { .ended = 1700000000, .ok = true };
	service.counters.reloads_ok = 1;
	must_say(true,
	    "{\"version\": \"%s\", \"pid\": %d, \"uptime\": 0, "
	    "\"stopping\": false, \"sandbox\": \"off\", \"generation\": 7, "
	    "\"max_clients\": 9, \"live\": 3, \"lingering\": 1, "
	    "\"log_level\": \"info\", \"log_level_temporary\": false, "
	    "\"log_dropped\": 0, "
	    "\"reloads\": {\"ok\": 1, \"failed\": 0, \"last\": "
	    "{\"result\": \"ok\", \"time\": \"2023-11-14T22:13:20Z\"}}, "
	    "\"listeners\": [{\"name\": \"a\", \"configured\": true, "
	    "\"addresses\": [{\"address\": \"%s\", \"port\": 7001, "
	    "\"listening\": true}], \"state\": \"ready\", \"max_clients\": 5, \"live\": 3, "
	    "\"lingering\": 1, \"accepted\": 5, \"refused\": {\"busy\": 0, ",
	    PACKAGE_VERSION, getpid(),
	    addr_format(&setup.listeners.list[0].bound, address));
	text = status_text(&overview, true, now);
	assert_string_equal(text + strlen(text) - 3, "}}\n");
	free(text);
}

/* A listener that a reload has removed, as long as it has clients; then it is
 * part of a sum. */
static void
a_listener_that_is_gone_is_still_shown(void **state)
{
	char *text;
	size_t row;

	(void)state;
	begin("");
	row = setup.listeners.list[1].row;
	counters_accept(&service.counters, row);
	service_change("", "", NULL);
	text = status_text(&overview, false, now);
	assert_non_null(strstr(text, "\nlistener b (removed by a reload)\n"
				     "  clients   1, 0 lingering\n"));
	free(text);
	text = status_text(&overview, true, now);
	assert_non_null(
	    strstr(text, "{\"name\": \"b\", \"configured\": false, "
			 "\"live\": 1, "));
	free(text);
	counters_end(&service.counters, row, OUTCOME_GREETED);
	counters_tidy(&service.counters);
	text = status_text(&overview, false, now);
	assert_null(strstr(text, "listener b"));
	assert_non_null(strstr(
	    text, "\nremoved listeners\n  accepted  1\n"));
	free(text);
	text = status_text(&overview, true, now);
	assert_non_null(strstr(text, "], \"removed\": {\"accepted\": 1, "));
	free(text);
}

#define TEST(name) cmocka_unit_test_teardown(name, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_verb_is_a_word_and_json_an_option),
		TEST(anything_else_is_no_verb),
		cmocka_unit_test_teardown(
		    counts_are_what_decides, service_teardown),
		TEST(people_read_of_the_daemon_and_its_listeners),
		TEST(people_read_of_reloads_and_the_end),
		TEST(programs_read_one_object),
		TEST(a_listener_that_is_gone_is_still_shown),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
