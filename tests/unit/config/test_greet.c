/* Messages with variables: shared/greet.c, shared/utc.c, master/config/messages.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit/confs.h"
#include "master/config/text_check.h"
#include "master/config/greetings.h"
#include "master/config/messages.h"
#include "master/system/cause.h"
#include "master/system/report.h"
#include "shared/greet.h"
#include "shared/utc.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static struct greet_values
values_make(void)
{
	struct greet_values values = {
		.listener = "main",
		.hostname = "host",
		.reason = "busy",
		.state = "drain",
		.until = 1795364468,
		.id = UINT64_MAX,
		.time = 1795364467, /* 2026-11-22T16:21:07Z */
		.clients = 12,
		.limit = 512,
		.retry_after = 3,
	};

	assert_int_equal(addr_parse(&values.client, "2001:db8::1"), 0);
	assert_int_equal(addr_parse(&values.server, "192.0.2.1"), 0);
	values.client.port = 65535;
	values.server.port = 80;
	return values;
}

/* In memory of just the size that was asked for, so that a sanitizer sees a
 * step beyond; both calls of greet_compile() must agree.  To be freed. */
static char *
render(const char *text, const struct greet_values *values)
{
	struct greet_segment *segments;
	struct greet_size size, again;
	char *out;
	size_t n;

	assert_int_equal(
	    greet_compile(text, strlen(text), NULL, 0, &size), GREET_GOOD);
	segments = calloc(size.segments + 1, sizeof(*segments));
	assert_non_null(segments);
	assert_int_equal(greet_compile(text, strlen(text), segments,
			     size.segments, &again), GREET_GOOD);
	assert_memory_equal(&size, &again, sizeof(size));
	out = malloc(size.longest + 1);
	assert_non_null(out);
	n = greet_render(segments, size.segments, text, values, out);
	assert_true(n <= size.longest);
	out[n] = '\0';
	free(segments);
	return out;
}

static void
must_render(const char *text, const char *want)
{
	struct greet_values values = values_make();
	char *got = render(text, &values);

	assert_string_equal(got, want);
	free(got);
}

static const struct {
	const char *text;
	const char *want;
} renderings[] = {
	{ "", "" },
	{ "plain\n", "plain\n" },
	{ "%{client_ip}", "2001:db8::1" },
	{ "%{client_port}", "65535" },
	{ "%{server_ip}", "192.0.2.1" },
	{ "%{server_port}", "80" },
	{ "%{listener}", "main" },
	{ "%{hostname}", "host" },
	{ "%{id}", "18446744073709551615" },
	{ "%{clients}", "12" },
	{ "%{time}", "2026-11-22T16:21:07Z" },
	{ "%{time:%d.%m.%Y}", "22.11.2026" },
	{ "%{time:x}", "x" },
	{ "%{time:{%%{%H}", "{%{16" },
	{ "%{unixtime}", "1795364467" },
	{ "%{reason}", "busy" },
	{ "%{limit}", "512" },
	{ "%{retry_after}", "3" },
	{ "%{state}", "drain" },
	{ "%{until}", "2026-11-22T16:21:08Z" },
	{ "%{limit}%{limit}", "512512" },
	{ "a%{limit}b%{reason}c", "a512bbusyc" },
	/* '%' is itself, a brace too. */
	{ "100%", "100%" },
	{ "%d %s %% %", "%d %s %% %" },
	{ "%%{limit}", "%512" },
	{ "%%%{limit}%%", "%%512%%" },
	{ "{limit} } {", "{limit} } {" },
	{ "% {limit}", "% {limit}" },
};

static void
test_renderings(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(renderings); i++)
		must_render(renderings[i].text, renderings[i].want);
}

static const struct {
	const char *text;
	enum greet_error error;
	size_t where;
} errors[] = {
	{ "%{", GREET_UNCLOSED, 0 },
	{ "a%{limit", GREET_UNCLOSED, 1 },
	{ "%{limit}%{", GREET_UNCLOSED, 8 },
	{ "%{}", GREET_UNKNOWN, 0 },
	{ "x%%{ limit}", GREET_UNKNOWN, 2 },
	{ "%{limit }", GREET_UNKNOWN, 0 },
	{ "%{Limit}", GREET_UNKNOWN, 0 },
	{ "%{limi}", GREET_UNKNOWN, 0 },
	{ "%{limits}", GREET_UNKNOWN, 0 },
	{ "%{states}", GREET_UNKNOWN, 0 },
	{ "%{untill}", GREET_UNKNOWN, 0 },
	{ "%{%{limit}}", GREET_UNKNOWN, 0 },
	{ "%{time:}", GREET_UNKNOWN, 0 },
	{ "%{time:%}", GREET_BAD_TIME, 0 },
	{ "%{time:%Q}", GREET_BAD_TIME, 0 },
	{ "%{limit}%{time:%H:%}", GREET_BAD_TIME, 8 },
	{ "%{time:%E}", GREET_BAD_TIME, 0 },
};

static void
test_errors(void **state)
{
	struct greet_size size;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(errors); i++) {
		assert_int_equal(greet_compile(errors[i].text,
				     strlen(errors[i].text), NULL, 0, &size),
		    errors[i].error);
		assert_int_equal(size.where, errors[i].where);
	}
}

/* Not a byte behind the length is looked at. */
static void
test_length(void **state)
{
	static const char text[] = "%{limit}";
	struct greet_size size;
	size_t i;

	(void)state;
	for (i = 2; i < sizeof(text) - 1; i++)
		assert_int_equal(greet_compile(text, i, NULL, 0, &size),
		    GREET_UNCLOSED);
	assert_int_equal(
	    greet_compile(text, 1, NULL, 0, &size), GREET_GOOD);
	assert_int_equal(size.longest, 1);
}

/* No more segments are stored than there is room for, and all are counted. */
static void
test_room(void **state)
{
	static const char text[] = "a%{id}b%{id}";
	struct greet_segment segments[5] = { 0 };
	struct greet_size size;

	(void)state;
	greet_compile(text, sizeof(text) - 1, segments, 2, &size);
	assert_int_equal(size.segments, 4);
	assert_int_equal(segments[1].what, GREET_ID);
	assert_int_equal(segments[2].length, 0);
	greet_compile(text, sizeof(text) - 1, NULL, 4, &size);
	assert_int_equal(size.segments, 4);
}

/* What comes from outside is bytes: long, or looking like a variable. */
static void
test_hostile_values(void **state)
{
	struct greet_values values = values_make();
	char word[3 * GREET_WORD_MAX + 1];
	char *got;

	(void)state;
	values.listener = "%{id}%s%n";
	got = render("%{listener}", &values);
	assert_string_equal(got, "%{id}%s%n");
	free(got);
	memset(word, 'w', sizeof(word) - 1);
	word[sizeof(word) - 1] = '\0';
	values.listener = values.hostname = values.reason = word;
	got = render("%{listener}%{hostname}%{reason}", &values);
	assert_int_equal(strlen(got), 3 * GREET_WORD_MAX);
	free(got);
	values.listener = "";
	values.client.family = AF_UNSPEC;
	values.time = -1;
	got = render("%{listener}%{client_ip}%{unixtime}", &values);
	assert_string_equal(got, "-0");
	free(got);
}

/* The widest that each can be is what was announced. */
static void
test_longest(void **state)
{
	struct greet_values values = values_make();
	struct greet_size size;
	char *got;

	(void)state;
	values.clients = values.limit = values.retry_after = UINT32_MAX;
	values.server.port = 65535;
	got = render("%{clients}%{limit}%{retry_after}%{id}%{server_port}",
	    &values);
	assert_int_equal(strlen(got), 10 + 10 + 10 + 20 + 5);
	free(got);
	addr_parse(&values.client,
	    "1111:2222:3333:4444:5555:6666:7777:8888");
	values.client.scope = UINT32_MAX;
	got = render("%{client_ip}", &values);
	assert_string_equal(
	    got, "1111:2222:3333:4444:5555:6666:7777:8888%4294967295");
	free(got);
	greet_compile("%{client_ip}", 12, NULL, 0, &size);
	assert_int_equal(size.longest, ADDR_TEXT_MAX - 1);
}

/* ----------------------------------------------------------------------- times */

#define ALL "%a %A %b %B %d %D %e %F %H %I %j %m %M %p %R %S %T %u %w %y %Y %%"

/* What the C library says, in its "C" locale. */
#pragma GCC diagnostic ignored "-Wformat-y2k"
static void
compare_time(int64_t seconds)
{
	char want[256], got[256];
	time_t when = (time_t)seconds;
	struct tm tm;
	size_t n;

	assert_non_null(gmtime_r(&when, &tm));
	assert_int_not_equal(strftime(want, sizeof(want), ALL, &tm), 0);
	n = utc_format(seconds, ALL, sizeof(ALL) - 1, got);
	assert_true(n <= (size_t)utc_measure(ALL, sizeof(ALL) - 1));
	got[n] = '\0';
	assert_string_equal(got, want);
}

static void
test_times(void **state)
{
	uint64_t seed = 88172645463325252u;
	int64_t day;
	int i;

	(void)state;
	/* Every day of three centuries, one of them without a leap day. */
	for (day = 0; day < 110000; day++)
		compare_time(day * 86400 + day % 86400);
	for (i = 0; i < 86400; i += 599)
		compare_time(i);
	for (i = 0; i < 20000; i++) {
		seed ^= seed << 13;
		seed ^= seed >> 7;
		seed ^= seed << 17;
		compare_time((int64_t)(seed % 253402300800));
	}
	compare_time(253402300799);
}

static void
must_be_time(int64_t seconds, const char *format, const char *want)
{
	char got[64];
	size_t n = utc_format(seconds, format, strlen(format), got);

	got[n] = '\0';
	assert_string_equal(got, want);
}

static void
test_times_beyond(void **state)
{
	(void)state;
	must_be_time(-1, UTC_RFC3339, "1970-01-01T00:00:00Z");
	must_be_time(INT64_MIN, UTC_RFC3339, "1970-01-01T00:00:00Z");
	must_be_time(253402300800, UTC_RFC3339, "9999-12-31T23:59:59Z");
	must_be_time(INT64_MAX, UTC_RFC3339, "9999-12-31T23:59:59Z");
	must_be_time(0, "%z %Z", "+0000 UTC");
	must_be_time(0, "", "");
	/* Measured, then written: the longest day and month. */
	must_be_time(1790150400, "%A%B", "WednesdaySeptember");
	assert_int_equal(utc_measure("%A%B", 4), 18);
	assert_int_equal(utc_measure("%A%", 3), -1);
	assert_int_equal(utc_measure("%A%B", 3), -1);
	assert_int_equal(utc_measure("%", 1), -1);
	assert_int_equal(utc_measure("%s", 2), -1);
}

/* -------------------------------------------------------------------- messages */

/* What a client of that listener is told. */
static const char *
tell(const struct messages *messages, const struct conf *conf, int listener,
    enum refusal why)
{
	static char text[GREET_MESSAGE_MAX + 1];
	struct greet_values values = values_make();

	text[messages_render(messages, conf, listener, why, &values, text)] =
	    '\0';
	return text;
}

static void
test_messages(void **state)
{
	static const char *const defaults[REFUSAL_COUNT] = {
		[REFUSAL_BUSY] = "busy, try again later\n",
		[REFUSAL_RATE] = "busy, try again in 3 s\n",
		[REFUSAL_BUSY_PER_SOURCE] =
		    "too many connections from 2001:db8::1\n",
		[REFUSAL_RATE_PER_SOURCE] =
		    "too many connections from 2001:db8::1, try again in 3 s\n",
		[REFUSAL_DENIED] = "access denied\n",
		[REFUSAL_NO_RESOURCES] = "out of resources, try again later\n",
	};
	struct conf *conf = confs_must_load(
	    "refusals = { denied = \"top %{reason}\"; busy = \"x\"; };\n"
	    "listeners = ( { port = 1; refusals = { rate = \"\"; }; },\n"
	    "{ port = 2; refusals = { denied = \"own %{reason}\"; }; } );");
	struct conf *standard = confs_must_load("");
	static const struct greeting greetings[2 * STATE_COUNT];
	char want[HOST_NAME_MAX + 1] = "";
	struct messages messages;
	unsigned why;

	(void)state;
	assert_int_equal(messages_make(&messages, standard, greetings), 0);
	gethostname(want, sizeof(want) - 1);
	assert_string_equal(messages.hostname, want);
	for (why = 0; why < REFUSAL_COUNT; why++) {
		assert_string_equal(
		    tell(&messages, standard, 0, why), defaults[why]);
		assert_string_equal(
		    tell(&messages, standard, -1, why), defaults[why]);
	}
	messages_free(&messages);
	assert_int_equal(messages_make(&messages, conf, greetings), 0);
	assert_string_equal(tell(&messages, conf, 0, REFUSAL_RATE), "");
	assert_string_equal(
	    tell(&messages, conf, 0, REFUSAL_DENIED), "top denied");
	assert_string_equal(
	    tell(&messages, conf, 1, REFUSAL_DENIED), "own denied");
	assert_string_equal(tell(&messages, conf, 1, REFUSAL_BUSY), "x");
	assert_string_equal(
	    tell(&messages, conf, -1, REFUSAL_DENIED), "top denied");
	assert_string_equal(tell(&messages, conf, -1, REFUSAL_RATE),
	    defaults[REFUSAL_RATE]);
	messages_free(&messages);
	free(conf);
	free(standard);
}

/* As they were compiled when they were loaded, or as they are. */
static void
test_greetings(void **state)
{
	struct conf *conf = confs_must_load("listeners = (\n"
	    "{ port = 1; greeting = \"at %{server_port} %\\n\"; rules = (\n"
	    "{ from = \"any\"; action = \"deny\"; greeting = \"%{id}\"; }); },\n"
	    "{ port = 2; greeting = \"100% {} %\"; },\n"
	    "{ port = 3; greeting = \"%{id}\"; variables = false; } );");
	struct greet_values values = values_make();
	char text[GREET_MESSAGE_MAX];
	struct report report = { 0 };
	struct greeting *greetings = greetings_load(conf, "x", &report);
	struct messages messages;
	uint32_t rule;

	(void)state;
	assert_non_null(greetings);
	values.server.port = 4444;
	assert_int_equal(
	    greetings[greetings_index(1, STATE_READY)].n_texts, 0);
	assert_int_equal(
	    greetings[greetings_index(2, STATE_READY)].n_texts, 0);
	assert_int_equal(messages_make(&messages, conf, greetings), 0);
	assert_int_equal(messages_greet(&messages, 0, 0, greetings[0].bytes,
	    &values, text), strlen("at 4444 %\n"));
	assert_memory_equal(text, "at 4444 %\n", strlen("at 4444 %\n"));
	values.id = 77;
	rule = greetings_first_rule(conf);
	assert_int_equal(messages_greet(&messages, rule, 0,
	    greetings[rule].bytes, &values, text), 2);
	assert_memory_equal(text, "77", 2);
	messages_free(&messages);
	greetings_free(greetings, greetings_count(conf));
	free(conf);
}

/* What cannot be is said, with its place. */
static void
test_bad_greetings(void **state)
{
	static const struct {
		const char *text;
		const char *said;
	} bad[] = {
		{ "listeners = ( { port = 1;\ngreeting = \"a\\n%{idd}\"; } );",
		    "x:2: listeners[0].greeting: has an unknown variable" },
		{ "listeners = ( { port = 1;\ngreeting = \"a\\n%{idd}\"; } );",
		    "(line 2, byte 1 of the text)" },
		{ "listeners = ( { port = 1; greeting = \"x%{id\"; } );",
		    "without a \"}\", expected %{VARIABLE} (line 1, byte 2" },
		{ "listeners = ( { port = 1; rules = (\n{ from = \"any\"; "
		  "action = \"allow\";\ngreeting = \"%{time:%Q}\"; } ); } );",
		    "x:3: listeners[0].rules[0].greeting: has an unknown "
		    "conversion" },
	};
	struct greeting *greetings;
	struct report report;
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(&report, 0, sizeof(report));
		conf = confs_must_load(bad[i].text);
		greetings = greetings_load(conf, "x", &report);
		assert_null(greetings);
		assert_int_equal(report.errors, 1);
		assert_int_equal(report.cause, EXIT_CONFIG);
		assert_non_null(strstr(report.lines[0].text, bad[i].said));
		free(conf);
	}
}

/* A dump of texts that many listeners have from the top can be read again. */
static void
test_dump(void **state)
{
	struct conf *conf, *again;
	char *text = NULL, *dump, *other;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	assert_non_null(out);
	fprintf(out, "refusals = { busy = \"%01000d\"; denied = \"\"; };\n", 7);
	for (i = 0; i < CONF_LISTENERS_MAX; i++)
		fprintf(out,
		    "%s{ port = %zu; refusals = { rate = \"%zu\"; }; }",
		    i == 0 ? "listeners = (" : ",\n", i + 1, i);
	fputs(" );", out);
	assert_int_equal(fclose(out), 0);
	conf = confs_must_load(text);
	dump = confs_dump(conf);
	again = confs_must_load(dump);
	other = confs_dump(again);
	assert_string_equal(dump, other);
	assert_non_null(strstr(dump, "\t\t\trate = \"255\";\n"));
	assert_true(strlen(dump) < 200000);
	free(text);
	free(dump);
	free(other);
	free(conf);
	free(again);
}

static void
test_check(void **state)
{
	char text[CONF_REFUSAL_MAX + 1] = "";
	size_t i;

	(void)state;
	assert_null(text_check_message("", 0));
	for (i = 0; i < 64; i++)
		strcat(text, "%{client_ip}");
	i = strlen(text);
	/* 64 times 62, and 128. */
	memset(text + i, 'x', 129);
	assert_null(text_check_message(text, i + 128));
	assert_non_null(text_check_message(text, i + 129));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_renderings),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_hostile_values),
		cmocka_unit_test(test_longest),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_times_beyond),
		cmocka_unit_test(test_messages),
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_bad_greetings),
		cmocka_unit_test(test_dump),
		cmocka_unit_test(test_check),
	};

	return cmocka_run_group_tests_name(
	    "greet", tests, confs_setup, confs_teardown);
}
