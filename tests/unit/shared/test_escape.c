/* Text made fit for a log or a terminal: shared/escape.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/escape.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
check(const char *text, size_t length, const char *keep, const char *wanted)
{
	char line[256];
	size_t n = escape_text(line, sizeof(line), text, length, keep);

	assert_string_equal(line, wanted);
	assert_int_equal(n, strlen(wanted));
}

static void
test_b15_controls(void **state)
{
	char text[2] = "?", wanted[8];
	int byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		text[0] = (char)byte;
		if (byte >= ' ' && byte < 0x7f)
			snprintf(wanted, sizeof(wanted), "%c", byte);
		else
			snprintf(wanted, sizeof(wanted), "\\x%02x", byte);
		check(text, 1, "", wanted);
	}
}

/* Terminals obey CSI (U+009B) also when it comes as UTF-8. */
static void
test_b15_c1_controls_as_utf8(void **state)
{
	char text[4], wanted[12];
	int byte;

	(void)state;
	for (byte = 0x80; byte < 0xc0; byte++) {
		snprintf(text, sizeof(text), "\xc2%c", byte);
		snprintf(wanted, sizeof(wanted),
		    byte <= 0xa0 ? "\\xc2\\x%02x" : "\xc2%c", byte);
		check(text, 2, "", wanted);
	}
}

/* Encodes any number that the scheme can hold, allowed or not. */
static size_t
encode(char *to, uint32_t point, size_t length)
{
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0, 0xf8 };
	size_t i;

	for (i = length - 1; i > 0; i--) {
		to[i] = (char)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	to[0] = (char)(first[length] | point);
	return length;
}

static size_t
length_wanted(uint32_t point)
{
	if (point <= 0xa0 || (point >= 0xd800 && point < 0xe000) ||
	    point > 0x10ffff)
		return 0;
	return point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
}

/* Every number in every length: too long a form, surrogates and what is beyond
 * Unicode are escaped. */
static void
test_utf8_all(void **state)
{
	char text[5] = "";
	uint32_t point;
	size_t length, wanted;

	(void)state;
	for (length = 2; length <= 4; length++) {
		for (point = 0; point < 1u << (5 * length + 1); point++) {
			if (length == 2 && point >= 0x800)
				break;
			encode(text, point, length);
			wanted = length_wanted(point) == length ? length : 0;
			if (escape_shown(text, length) != wanted)
				fail_msg("U+%X in %zu bytes", point, length);
			/* It does not look beyond what there is. */
			if (escape_shown(text, length - 1) != 0)
				fail_msg("U+%X cut", point);
		}
	}
}

static void
test_mixed(void **state)
{
	(void)state;
	check("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x98", 15, "",
	    "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x98");
	check("\xc3\x1b[2J\xe2\x82", 7, "", "\\xc3\\x1b[2J\\xe2\\x82");
	check("a\0b\n", 4, "", "a\\x00b\\x0a");
	check("\xf5\x80\x80\x80\xff", 5, "", "\\xf5\\x80\\x80\\x80\\xff");
	check("", 0, "", "");
}

/* Escaping twice changes nothing. */
static void
test_again(void **state)
{
	(void)state;
	check("\\x1b \\n", 7, "", "\\x1b \\n");
}

static void
test_keep(void **state)
{
	(void)state;
	check("a\tb\r\n\0", 6, "\n\t", "a\tb\\x0d\n\\x00");
	check("\n", 1, "", "\\x0a");
}

/* In a buffer of the exact size, for a checker of memory; each cut is whole. */
static void
test_size(void **state)
{
	static const char text[] = "a\xe2\x82\xac\x1b" "b";
	static const char *const wanted[] = { "", "a", "a", "a",
		"a\xe2\x82\xac", "a\xe2\x82\xac", "a\xe2\x82\xac",
		"a\xe2\x82\xac", "a\xe2\x82\xac\\x1b", ("a\xe2\x82\xac\\x1b" "b") };
	size_t size, n;
	char *line;

	(void)state;
	for (size = 1; size <= COUNT(wanted); size++) {
		line = malloc(size);
		assert_non_null(line);
		n = escape_text(line, size, text, sizeof(text) - 1, "");
		assert_string_equal(line, wanted[size - 1]);
		assert_int_equal(n, strlen(wanted[size - 1]));
		free(line);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_b15_controls),
		cmocka_unit_test(test_b15_c1_controls_as_utf8),
		cmocka_unit_test(test_utf8_all),
		cmocka_unit_test(test_mixed),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_size),
	};

	return cmocka_run_group_tests_name("escape", tests, NULL, NULL);
}
