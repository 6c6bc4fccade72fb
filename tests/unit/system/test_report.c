/* Errors and warnings, made fit to be shown: master/system/report.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "master/system/report.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
test_report_full(void **state)
{
	static struct report report;
	int i;

	(void)state;
	report_error(&report, "E%d", 0);
	for (i = 1; i < 25; i++)
		report_warning(&report, "W%d", i);
	assert_int_equal(report.kept, REPORT_LINES_MAX);
	assert_int_equal(report.warnings, 24);
	report_error(&report, "E%d", 1);
	report_error(&report, "E%d", 2);
	assert_int_equal(report.kept, REPORT_LINES_MAX);
	assert_string_equal(report.lines[0].text, "E0");
	assert_false(report.lines[0].warning);
	assert_string_equal(report.lines[1].text, "W1");
	assert_string_equal(report.lines[17].text, "W17");
	assert_true(report.lines[17].warning);
	assert_string_equal(report.lines[18].text, "E1");
	assert_string_equal(report.lines[19].text, "E2");
	assert_false(report.lines[19].warning);
	for (i = 3; i < 25; i++)
		report_error(&report, "E%d", i);
	assert_int_equal(report.errors, 25);
	assert_int_equal(report.kept, REPORT_LINES_MAX);
	for (i = 0; i < REPORT_LINES_MAX; i++) {
		assert_false(report.lines[i].warning);
		assert_int_equal(report.lines[i].text[0], 'E');
	}
	assert_string_equal(report.lines[19].text, "E19");
}

/* What is reported, and what is shown. */
static const struct {
	const char *text;
	const char *said;
} escape_rows[] = {
	{ "plain ~ text", "plain ~ text" },
	{ "a\nb\tc\r\x1b[31m\x7f", "a\\x0ab\\x09c\\x0d\\x1b[31m\\x7f" },
	{ "\xc2\xa1\xc3\xa9\xdf\xbf", "\xc2\xa1\xc3\xa9\xdf\xbf" },
	{ "\xc2\x9b"
	  "1m\xc2\xa0",
	    "\\xc2\\x9b1m\\xc2\\xa0" },
	{ "\xe2\x82\xac\xf0\x9f\x98\x80", "\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "\xe0\xa0\x80\xee\x80\x80\xf4\x8f\xbf\xbf",
	    "\xe0\xa0\x80\xee\x80\x80\xf4\x8f\xbf\xbf" },
	{ "\xc3", "\\xc3" },
	{ "\xe2\x82", "\\xe2\\x82" },
	{ "\xe2\x82x", "\\xe2\\x82x" },
	{ "\xf0\x9f\x98", "\\xf0\\x9f\\x98" },
	{ "\xc0\xaf\xc1\x81", "\\xc0\\xaf\\xc1\\x81" },
	{ "\xe0\x9f\xbf", "\\xe0\\x9f\\xbf" },
	{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },
	{ "\xf0\x8f\xbf\xbf", "\\xf0\\x8f\\xbf\\xbf" },
	{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },
	{ "\x80\xbf\xff", "\\x80\\xbf\\xff" },
};

static void
test_report_escapes(void **state)
{
	struct report report;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(escape_rows); i++) {
		memset(&report, 0, sizeof(report));
		report_error(&report, "%s", escape_rows[i].text);
		assert_string_equal(report.lines[0].text, escape_rows[i].said);
	}
}

/* What has no long word is cut at its end, between characters and escapes. */
static void
test_report_long(void **state)
{
	struct report report = { 0 };
	char text[2 * REPORT_LINE_MAX + 1] = "";
	size_t i;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	for (i = 99; i < sizeof(text) - 1; i += 100)
		text[i] = ' ';
	report_error(&report, "%s", text);
	assert_int_equal(strlen(report.lines[0].text), REPORT_LINE_MAX - 1);
	for (i = 0; i < sizeof(text) - 1; i++)
		text[i] = i % 10 == 9 ? ' ' : '\n';
	report_error(&report, "%s", text);
	assert_string_equal(
	    report.lines[1].text + strlen(report.lines[1].text) - 4, "\\x0a");
	for (i = 0; i + 2 < sizeof(text); i += 2)
		memcpy(text + i, i % 50 == 48 ? "x " : "\xc3\xa9", 2);
	report_error(&report, "x%s", text);
	report_error(&report, "%s", text);
	for (i = 2; i < 4; i++)
		assert_string_equal(report.lines[i].text +
			strlen(report.lines[i].text) - 2, "\xc3\xa9");
}

/* The line's number and the reason stay, of the path both ends. */
static void
test_b14_long_paths(void **state)
{
	struct report report = { 0 };
	char path[PATH_MAX], start[64];
	const char *line;
	size_t length;

	(void)state;
	for (length = 300; length < sizeof(path); length += 97) {
		memset(&report, 0, sizeof(report));
		memset(path, 'p', length);
		memcpy(path, "/etc/start/", 11);
		strcpy(path + length - 5, ".conf");
		report_error(&report, "%s:%u: listeners[0].greeting_file: "
		    "\"%s\": No such file or directory", path, 1234, path);
		line = report.lines[0].text;
		snprintf(start, sizeof(start), "/etc/start/ppp");
		assert_memory_equal(line, start, strlen(start));
		assert_non_null(strstr(line, "..."));
		assert_non_null(strstr(
		    line, "ppp.conf:1234: listeners[0].greeting_file: \"/etc"));
		assert_non_null(
		    strstr(line, "ppp.conf\": No such file or directory"));
		assert_true(strlen(line) < REPORT_LINE_MAX);
	}
}

static void
test_b14_lines_left_out_are_counted(void **state)
{
	static struct report report;
	int i;

	(void)state;
	for (i = 0; i < REPORT_LINES_MAX; i++)
		report_warning(&report, "W");
	assert_int_equal(report_left_out(&report), 0);
	report_warning(&report, "W");
	report_error(&report, "E");
	report_error(&report, "E");
	assert_int_equal(report_left_out(&report), 3);
}

/* The first one decides. */
static void
test_b17_cause(void **state)
{
	struct report report = { 0 };

	(void)state;
	report_warning(&report, "E");
	assert_int_equal(report.cause, 0);
	report_failure(&report, EXIT_SYSTEM, "%s", "F");
	report_failure(&report, EXIT_PRIVILEGE, "G");
	report_error(&report, "E");
	assert_int_equal(report.cause, EXIT_SYSTEM);
	assert_int_equal(report.errors, 3);
	assert_string_equal(report.lines[1].text, "F");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_report_full),
		cmocka_unit_test(test_report_escapes),
		cmocka_unit_test(test_report_long),
		cmocka_unit_test(test_b14_long_paths),
		cmocka_unit_test(test_b14_lines_left_out_are_counted),
		cmocka_unit_test(test_b17_cause),
	};

	return cmocka_run_group_tests_name("report", tests, NULL, NULL);
}
