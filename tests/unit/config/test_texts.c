/* The texts of a greeting: the whole, or those of a file of fortune(6). */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/greetings.h"
#include "master/config/texts.h"

static struct greeting greeting;
static const char *why;

static int
make(const char *bytes, bool variables, bool pick)
{
	greeting = (struct greeting) { .bytes = strdup(bytes),
		.length = strlen(bytes) };
	assert_non_null(greeting.bytes);
	return texts_make(&greeting, variables, pick, &why);
}

/* The texts are these, rendered without values. */
static void
are(const char *bytes, const char *const texts[], uint32_t n)
{
	struct greet_values values = { .listener = "a" };
	const struct greeting_text *text;
	char out[GREET_MESSAGE_MAX];
	size_t length;
	uint32_t i;

	assert_int_equal(make(bytes, true, true), 0);
	assert_int_equal(greeting.n_texts, n);
	for (i = 0; i < n; i++) {
		text = &greeting.texts[i];
		length = greet_render(&greeting.segments[text->first],
		    text->n_segments, greeting.bytes + text->offset, &values,
		    out);
		assert_int_equal(length, strlen(texts[i]));
		assert_memory_equal(out, texts[i], length);
	}
	greeting_free(&greeting);
}

static void
one_is_picked_of_those_between_marks(void **state)
{
	static const char *const two[] = { "a\n", "b\nc" };
	static const char *const one[] = { "a%\n%b\n % \n%%\n" };
	static const char *const filled[] = { "a x\n", "a\n" };

	(void)state;
	are("a\n%\nb\nc", two, 2);
	are("%\na\n%\n%\nb\nc", two, 2);
	are("%\r\na\n%\r\nb\nc", two, 2);
	are("a%\n%b\n % \n%%\n%", one, 1);
	are("%{listener} x\n%\n%{listener}\n%\n", filled, 2);
}

static void
a_file_without_text_is_refused(void **state)
{
	static const char *const files[] = { "", "%", "%\n", "%\n%\r\n%" };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_int_equal(make(files[i], true, true), -1);
		assert_int_equal(errno, EINVAL);
		assert_string_equal(why, "has no text");
		greeting_free(&greeting);
	}
}

/* With its place in the file. */
static void
an_error_has_its_place(void **state)
{
	static char large[5000];

	(void)state;
	assert_int_equal(make("ok\n%\nx\ny %{z}\n", true, true), -1);
	assert_non_null(strstr(why, "(line 4, byte 3 of the text)"));
	greeting_free(&greeting);
	memset(large, 'x', sizeof(large) - 1);
	memcpy(large, "a\n%\n", 4);
	large[4 + GREET_MESSAGE_MAX] = '\0';
	assert_int_equal(make(large, false, true), 0);
	greeting_free(&greeting);
	large[4 + GREET_MESSAGE_MAX] = 'x';
	assert_int_equal(make(large, false, true), -1);
	assert_string_equal(
	    why, "is longer than 4096 bytes (line 3, byte 1 of the text)");
	greeting_free(&greeting);
}

/* Only then it is rendered at all. */
static void
a_whole_text_has_variables(void **state)
{
	(void)state;
	assert_int_equal(make("%{id}\n%\nb", true, false), 0);
	assert_int_equal(greeting.n_texts, 1);
	assert_int_equal(greeting.n_segments, 2);
	greeting_free(&greeting);
	assert_int_equal(make("a\n%\nb", true, false), 0);
	assert_int_equal(greeting.n_texts, 0);
	greeting_free(&greeting);
	assert_int_equal(make("%{id}", false, false), 0);
	assert_int_equal(greeting.n_texts, 0);
	greeting_free(&greeting);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_is_picked_of_those_between_marks),
		cmocka_unit_test(a_file_without_text_is_refused),
		cmocka_unit_test(an_error_has_its_place),
		cmocka_unit_test(a_whole_text_has_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
