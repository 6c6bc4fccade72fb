/* What a run means: feed/verdict.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "feed/verdict.h"
#include "shared/health.h"

static struct run_result result;

static void
ended(enum run_end end, int code, const char *output, const char *errors)
{
	result.end = end;
	result.code = code;
	result.limit_ms = 5000;
	result.output_length = strlen(output);
	memcpy(result.output, output, result.output_length);
	result.errors_length = strlen(errors);
	memcpy(result.errors, errors, result.errors_length);
}

static void
check(const char *wanted, int status)
{
	char line[VERDICT_MAX];
	size_t length = verdict_line(&result, line);

	assert_string_equal(line, wanted);
	assert_int_equal(length, strlen(line));
	assert_int_equal(verdict_status(&result), status);
}

static void
test_good(void **state)
{
	(void)state;
	ended(RUN_EXITED, 0, "", "");
	check("up\n", 0);
	ended(RUN_EXITED, 0, "", "some warning\n");
	check("up\n", 0);
	ended(RUN_EXITED, 0, "all is well\n", "");
	check("up\n", 0);
	ended(RUN_EXITED, 0, "up ready 75%\n", "");
	check("up ready 75%\n", 0);
	ended(RUN_EXITED, 0, "drain #by hand\r\nmore\n", "");
	check("drain #by hand\n", 0);
	ended(RUN_EXITED, 0, "maint", "");
	check("maint\n", 0);
	ended(RUN_EXITED, 0, "\n50%\n", "");
	check("up\n", 0);
	ended(RUN_EXITED, 0, "down #\x1b[2J\n", "");
	check("up\n", 0);
}

static void
test_bad(void **state)
{
	(void)state;
	ended(RUN_EXITED, 1, "", "");
	check("down #exit status 1\n", 1);
	ended(RUN_EXITED, 255, "up 100%\nx\n", "no\n");
	check("down #exit status 255: up 100%\n", 255);
	ended(RUN_EXITED, 2, "\n \t\r\n  CRITICAL - late \r\nmore", "no\n");
	check("down #exit status 2: CRITICAL - late\n", 2);
	ended(RUN_EXITED, 2, " \n", "\nno\tsuch \x1b[1mhost\x80\n");
	check("down #exit status 2: no such \\x1b[1mhost\\x80\n", 2);
	ended(RUN_SIGNALLED, SIGSEGV, "", "");
	check("down #ended by SIGSEGV\n", 139);
	ended(RUN_SIGNALLED, SIGRTMIN + 1, "x", "");
	assert_int_equal(verdict_status(&result), 128 + SIGRTMIN + 1);
	ended(RUN_TIMED_OUT, 0, "", "");
	check("down #not done in 5 s\n", 124);
	result.limit_ms = 250;
	check("down #not done in 0.25 s\n", 124);
	ended(RUN_NOT_STARTED, ENOENT, "", "");
	check("down #cannot be started: No such file or directory\n", 127);
	ended(RUN_NOT_STARTED, EACCES, "", "");
	check("down #cannot be started: Permission denied\n", 126);
	ended(RUN_STUCK, 0, "", "");
	check("down #cannot be killed\n", 124);
	ended(RUN_STOPPED, 0, "", "");
	assert_int_equal(verdict_status(&result), 128 + SIGTERM);
}

/* Words of a health file are passed on, and nothing else is. */
static void
test_words(void **state)
{
	static const char *const good[] = { "UP", "ready,75%,up", "\tup  50%\t",
		"down #50 % \xc3\xbc#", "down # two\twords", "up,#x", "0%" };
	static const char *const bad[] = { " ", ",", "#why", "upx", "up#why",
		"up 101%", "-0%", "%", "050%", "maxconn:5", "up \x1b[2J",
		"up #\x7f", "up\xa0" };
	char line[64];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		ended(RUN_EXITED, 0, good[i], "");
		snprintf(line, sizeof(line), "%s\n", good[i]);
		check(line, 0);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ended(RUN_EXITED, 0, bad[i], "");
		check("up\n", 0);
	}
	ended(RUN_EXITED, 0, "up", "");
	result.output_length = 3; /* with its NUL */
	result.output[2] = '\0';
	check("up\n", 0);
}

/* Of any bytes: one line that a health file may have, the reason not longer
 * than it may be. */
static void
test_any_byte(void **state)
{
	const size_t most = strlen("down #") + VERDICT_REASON_MAX;
	char line[VERDICT_MAX];
	struct health health;
	size_t length;
	int byte, code;

	(void)state;
	for (code = 0; code <= 1; code++) {
		for (byte = 0; byte < 256; byte++) {
			ended(RUN_EXITED, code, "", "");
			result.output_length = sizeof(result.output);
			memset(result.output, byte, sizeof(result.output));
			length = verdict_line(&result, line);
			assert_int_equal(line[length - 1], '\n');
			assert_true(length - 1 <= most);
			assert_int_equal(
			    health_parse(line, length, &health),
			    HEALTH_GOOD);
		}
	}
}

/* What the command has said is cut, but not what is understood. */
static void
test_long_words(void **state)
{
	char line[VERDICT_MAX];

	(void)state;
	ended(RUN_EXITED, 0, "up 10% #", "");
	memset(result.output + result.output_length, 'x', 1000);
	result.output_length += 1000;
	assert_int_equal(verdict_line(&result, line), VERDICT_WORDS_MAX + 1);
	assert_memory_equal(line, "up 10% #xxx", 11);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_any_byte),
		cmocka_unit_test(test_long_words),
	};

	return cmocka_run_group_tests_name("verdict", tests, NULL, NULL);
}
