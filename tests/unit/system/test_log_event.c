/* Log lines as data: how fields become text. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/log_event.h"

/* Of the last line. */
static char text[4 * LOG_LINE_MAX];
static char line_begin[64];
static int line_priority;
static size_t n_lines;

bool __wrap_log_stderr_put(int priority, const char *begin, const char *line);

bool
__wrap_log_stderr_put(int priority, const char *begin, const char *line)
{
	snprintf(text, sizeof(text), "%s", line);
	snprintf(line_begin, sizeof(line_begin), "%s", begin);
	line_priority = priority;
	n_lines++;
	return true;
}

static const struct log_options plain = { .target = LOG_TO_STDERR,
	.facility = LOG_DAEMON, .level = LOG_INFO };

static int
setup(void **state)
{
	(void)state;
	log_open(&plain);
	text[0] = '\0';
	n_lines = 0;
	return 0;
}

static void
fields_become_words(void **state)
{
	(void)state;
	log_event(LOG_NOTICE, "it happened", LOG_NUMBER("n", 7),
	    LOG_SIGNED("s", -7), LOG_WORD("w", "a-b"),
	    LOG_QUOTED("q", "two words"));
	assert_string_equal(text, "it happened n=7 s=-7 w=a-b q=\"two words\"");
	assert_int_equal(line_priority, LOG_NOTICE);
	assert_int_equal(n_lines, 1);
}

static void
numbers_have_their_whole_range(void **state)
{
	(void)state;
	log_event(LOG_INFO, "x", LOG_NUMBER("a", UINT64_MAX),
	    LOG_SIGNED("b", INT64_MIN), LOG_SIGNED("c", INT64_MAX),
	    LOG_NUMBER("d", 0));
	assert_string_equal(text,
	    "x a=18446744073709551615 b=-9223372036854775808 "
	    "c=9223372036854775807 d=0");
}

static void
a_quoted_text_cannot_end_before_its_end(void **state)
{
	(void)state;
	log_event(LOG_INFO, "x", LOG_QUOTED("q", "a\" b=\\\""),
	    LOG_QUOTED("e", ""), LOG_WORD("w", "1%s%n"));
	assert_string_equal(text, "x q=\"a\\\" b=\\\\\\\"\" e=\"\" w=1%s%n");
}

static void
a_field_may_be_left_out(void **state)
{
	(void)state;
	log_event(LOG_INFO, "x", LOG_IF(false, LOG_WORD("a", "1")),
	    LOG_IF(true, LOG_WORD("b", "2")), LOG_WORD("c", "3"));
	assert_string_equal(text, "x b=2 c=3");
	log_event(LOG_INFO, "x", LOG_IF(false, LOG_NUMBER("a", 1)));
	assert_string_equal(text, "x");
}

/* A line of just the most, one byte less, and far more. */
static void
a_long_line_is_cut(void **state)
{
	char value[3 * LOG_LINE_MAX];
	size_t length;

	(void)state;
	for (length = LOG_LINE_MAX - 10; length < LOG_LINE_MAX + 10; length++) {
		memset(value, 'y', length);
		value[length] = '\0';
		log_event(LOG_INFO, "x", LOG_WORD("w", value),
		    LOG_NUMBER("n", 1));
		assert_true(strlen(text) <= LOG_LINE_MAX - 1);
		assert_true(strlen(text) ==
			LOG_LINE_MAX - 1 || length + 8 < LOG_LINE_MAX);
		assert_memory_equal(text, "x w=yyy", 7);
	}
	memset(value, '"', sizeof(value) - 1);
	value[sizeof(value) - 1] = '\0';
	log_event(LOG_INFO, "x", LOG_QUOTED("q", value));
	assert_int_equal(strlen(text), LOG_LINE_MAX - 1);
}

static void
nobody_hears_of_what_is_above_the_level(void **state)
{
	struct log_options options = plain;

	(void)state;
	log_event(LOG_DEBUG, "x", LOG_NUMBER("n", 1));
	assert_int_equal(n_lines, 0);
	options.level = LOG_DEBUG;
	log_open(&options);
	log_event(LOG_DEBUG, "x", LOG_NUMBER("n", 1));
	assert_int_equal(n_lines, 1);
}

static void
errno_is_kept(void **state)
{
	(void)state;
	errno = EXDEV;
	log_event(LOG_INFO, "x", LOG_QUOTED("e", strerror(errno)));
	assert_int_equal(errno, EXDEV);
}

/* On standard error, which is a file here. */
static void
the_form_is_chosen(void **state)
{
	struct log_options options = plain;

	(void)state;
	log_event(LOG_INFO, "x", LOG_NUMBER("n", 1));
	assert_string_equal(line_begin, "forkgreetd: ");
	options.timestamps = true;
	log_open(&options);
	log_event(LOG_INFO, "x", LOG_NUMBER("n", 1));
	assert_int_equal(strlen(line_begin),
	    strlen("2026-11-26T04:43:01.123Z forkgreetd: "));
	assert_string_equal(text, "x n=1");
	options.json = true;
	log_open(&options);
	log_event(LOG_INFO, "x", LOG_NUMBER("n", 1));
	assert_string_equal(line_begin, "");
	assert_memory_equal(text, "{\"time\":\"2", 10);
	options.timestamps = false;
	log_open(&options);
	log_line(LOG_ERR, "a\x1b%s", "\"b\"");
	assert_string_equal(text, "{\"level\":\"error\",\"event\":\"message\","
				  "\"message\":\"a\\\\x1b\\\"b\\\"\"}");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(fields_become_words, setup),
		cmocka_unit_test_setup(numbers_have_their_whole_range, setup),
		cmocka_unit_test_setup(
		    a_quoted_text_cannot_end_before_its_end, setup),
		cmocka_unit_test_setup(a_field_may_be_left_out, setup),
		cmocka_unit_test_setup(a_long_line_is_cut, setup),
		cmocka_unit_test_setup(
		    nobody_hears_of_what_is_above_the_level, setup),
		cmocka_unit_test_setup(errno_is_kept, setup),
		cmocka_unit_test_setup(the_form_is_chosen, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
