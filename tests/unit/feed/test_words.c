/* The words of a health file: feed/words.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "feed/words.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
test_good(void **state)
{
	static const char *const lines[] = { "up", "ready", "down", "fail",
		"stopped", "drain", "maint", "0%", "7%", "100%", "UP", "Maint",
		"up ready 75%", "ready,75%,up", "\tup  50%\t", "down #why",
		"up #", "down #50 % \xc3\xbc#", "down # two\twords", "up down",
		"up,#x" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lines); i++)
		if (!words_are_health(lines[i], strlen(lines[i])))
			fail_msg("%s", lines[i]);
}

static void
test_bad(void **state)
{
	static const char *const lines[] = { "", " ", ",", "#why", " #up", "ok",
		"upx", "up!", "up#why", "up 101%", "up -1%", "-0%", "%", "up %",
		"00%", "050%", "5 %", "1e1%", "50", "100%%", "0x1%",
		"maxconn:5", "stoppedd", "up\r", "up\n", "up \x1b[2J",
		"up #\x7f", "up\xa0", "100000000000000000000%" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lines); i++)
		if (words_are_health(lines[i], strlen(lines[i])))
			fail_msg("%s", lines[i]);
	assert_false(words_are_health("up\0", 3));
	assert_false(words_are_health("up #\0", 5));
	assert_true(words_are_health("upper", 2));
}

/* Each byte at each place that matters: the answer never depends on more. */
static void
test_every_byte(void **state)
{
	char line[] = "up ?";
	int byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		line[3] = (char)byte;
		assert_int_equal(words_are_health(line, 4),
		    byte == ' ' || byte == '\t' || byte == ',' || byte == '#');
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_every_byte),
	};

	return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
