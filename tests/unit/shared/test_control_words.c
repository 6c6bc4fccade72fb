/* The words of a control request: shared/control_words.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "shared/control.h"
#include "shared/control_words.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define MAX 3

static char *words[MAX + 1];
static char untouched[] = "untouched";

/* The line ends exactly where its buffer does, for a sanitizer to see. */
static int
split(char *buffer, const char *line, size_t length)
{
	memcpy(buffer, line, length);
	buffer[length] = '\0';
	for (size_t i = 0; i < COUNT(words); i++)
		words[i] = untouched;
	return control_words_split(buffer, length, words, MAX);
}

static void
test_words(void **state)
{
	static const struct {
		const char *line;
		int count;
		const char *words[MAX];
	} rows[] = {
		{ "status", 1, { "status" } },
		{ "status json", 2, { "status", "json" } },
		{ "statusjson", 1, { "statusjson" } },
		{ "a b c", 3, { "a", "b", "c" } },
		{ "x", 1, { "x" } },
		{ "r\303\251load \377", 2, { "r\303\251load", "\377" } },
		{ "!~ ~!", 2, { "!~", "~!" } },
	};
	char buffer[CONTROL_REQUEST_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    split(buffer, rows[i].line, strlen(rows[i].line)),
		    rows[i].count);
		for (int word = 0; word < rows[i].count; word++)
			assert_string_equal(words[word], rows[i].words[word]);
		assert_ptr_equal(words[rows[i].count], untouched);
	}
}

static void
test_not_words(void **state)
{
	static const struct {
		const char *line;
		size_t length;
	} rows[] = {
		{ "", 0 },
		{ " ", 1 },
		{ "  ", 2 },
		{ " status", 7 },
		{ "status ", 7 },
		{ "status  json", 12 },
		{ "a b c d", 7 },
		{ "a b c ", 6 },
		{ "status\tjson", 11 },
		{ "status\r", 7 },
		{ "status\0json", 11 },
		{ "status json\0", 12 },
		{ "\0", 1 },
		{ "a\177", 2 },
		{ "a\033b", 3 },
	};
	char buffer[CONTROL_REQUEST_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		assert_int_equal(
		    split(buffer, rows[i].line, rows[i].length), -1);
		assert_ptr_equal(words[MAX], untouched);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_not_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
