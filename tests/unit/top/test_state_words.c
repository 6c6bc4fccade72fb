/* What the operator said, as text: master/state_words.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/state_words.h"
#include "master/system/siphash.h"
#include "unit/seeded.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define FIRST "forkgreet-state 1\n"

static const struct state_words some = {
	.list = {
		{ "", STATE_MAINTENANCE, 1764108000, 1764100000, "new disks" },
		{ "web", STATE_DRAIN, 0, 1764100001, "" },
		{ "127.0.0.1:4444", STATE_READY, 1, 0,
		    " gr\xc3\xbc\xc3\x9f \\x1b" },
	},
	.n = 3,
};
static const char some_text[] = FIRST
    "all maintenance 1764108000 1764100000 new disks\n"
    "listener web drain 0 1764100001\n"
    "listener 127.0.0.1:4444 ready 1 0  gr\xc3\xbc\xc3\x9f \\x1b\n";

static char text[STATE_TEXT_MAX + 64];
static struct state_words words;

static size_t say(size_t at, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes to text at that place; returns the place behind it. */
static size_t
say(size_t at, const char *format, ...)
{
	va_list list;
	int n;

	va_start(list, format);
	n = vsnprintf(text + at, sizeof(text) - at, format, list);
	va_end(list);
	assert_in_range(n, 0, sizeof(text) - at - 1);
	return at + (size_t)n;
}

/* Adds the last line, that is right for all before it. */
static size_t
finish(size_t length, size_t n)
{
	static const uint64_t key[2];

	return say(length, "end %zu %016" PRIx64 "\n", n,
	    siphash(key, text, length));
}

static void
must_equal(const struct state_words *a, const struct state_words *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct state_word *one = &a->list[i], *two = &b->list[i];

		assert_string_equal(one->listener, two->listener);
		assert_int_equal(one->state, two->state);
		assert_int_equal(one->until, two->until);
		assert_int_equal(one->since, two->since);
		assert_string_equal(one->reason, two->reason);
	}
}

/* In memory of the exact size, for a checker of memory. */
static int
parse(const char *from, size_t length)
{
	char *exact = malloc(length > 0 ? length : 1);
	int result;

	assert_non_null(exact);
	memcpy(exact, from, length);
	memset(&words, 0xa5, sizeof(words));
	result = state_words_parse(&words, exact, length);
	free(exact);
	if (result == -1)
		assert_int_equal(words.n, 0);
	return result;
}

static void
test_text(void **state)
{
	size_t length = state_words_format(&some, text, sizeof(text));
	char written[512];

	(void)state;
	assert_in_range(length, 1, sizeof(written));
	memcpy(written, text, length);
	assert_int_equal(finish(say(0, "%s", some_text), 3), length);
	assert_memory_equal(written, text, length);
	assert_int_equal(parse(text, length), 0);
	must_equal(&words, &some);
}

/* As it is written today, so that a later version reads it. */
static void
test_text_kept(void **state)
{
	static const char kept[] = FIRST "all drain 0 1764100000 x\n"
	    "end 1 144b2c0db132f3c2\n";

	(void)state;
	assert_int_equal(parse(kept, strlen(kept)), 0);
	assert_int_equal(words.n, 1);
	assert_int_equal(words.list[0].state, STATE_DRAIN);
}

static void
test_none(void **state)
{
	static const struct state_words none;
	size_t length = state_words_format(&none, text, sizeof(text));

	(void)state;
	assert_true(length > 0);
	assert_int_equal(parse(text, length), 0);
	assert_int_equal(words.n, 0);
}

/* The most that there can be, and every smaller room. */
static void
test_room(void **state)
{
	static struct state_words most;
	size_t length, room;

	(void)state;
	for (most.n = 0; most.n < STATE_WORDS_MAX; most.n++) {
		struct state_word *word = &most.list[most.n];

		snprintf(word->listener, sizeof(word->listener), "%064zu",
		    most.n);
		memset(word->reason, 'r', STATE_REASON_MAX);
		word->state = STATE_MAINTENANCE;
		word->until = word->since = INT64_MAX;
	}
	length = state_words_format(&most, text, STATE_TEXT_MAX);
	assert_in_range(length, 83000, STATE_TEXT_MAX);
	assert_int_equal(parse(text, length), 0);
	must_equal(&words, &most);
	for (room = 0; room < length; room += 1 + room / 64)
		assert_int_equal(state_words_format(&most, text, room), 0);
	assert_int_equal(state_words_format(&most, text, length), 0);
	assert_int_equal(state_words_format(&most, text, length + 1), length);
	most.n++;
	assert_int_equal(state_words_format(&most, text, sizeof(text)), 0);
}

static void
test_reason_escaped(void **state)
{
	static struct state_words odd = { .n = 1 };
	size_t length;

	(void)state;
	snprintf(odd.list[0].reason, sizeof(odd.list[0].reason),
	    "a\nend 0 \x1b\xff");
	length = state_words_format(&odd, text, sizeof(text));
	assert_int_equal(parse(text, length), 0);
	assert_string_equal(
	    words.list[0].reason, "a\\x0aend 0 \\x1b\\xff");
	memset(odd.list[0].reason, '\n', STATE_REASON_MAX);
	length = state_words_format(&odd, text, sizeof(text));
	assert_int_equal(parse(text, length), 0);
	assert_int_equal(strlen(words.list[0].reason), STATE_REASON_MAX);
}

static void
test_cannot_be_written(void **state)
{
	static const struct state_word wrong[] = {
		{ "a b", STATE_READY, 0, 0, "" },
		{ "a\n", STATE_READY, 0, 0, "" },
		{ "\x7f", STATE_READY, 0, 0, "" },
		{ "a", STATE_DOWN, 0, 0, "" },
		{ "a", STATE_COUNT, 0, 0, "" },
		{ "a", (enum state)-1, 0, 0, "" },
		{ "a", STATE_READY, -1, 0, "" },
		{ "a", STATE_READY, 0, -1, "" },
		{ "web", STATE_READY, 0, 0, "" },
		{ "", STATE_READY, 0, 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(wrong); i++) {
		words = some;
		words.list[words.n++] = wrong[i];
		if (state_words_format(&words, text, sizeof(text)) != 0)
			fail_msg("row %zu", i);
	}
}

/* Each with a checksum that is right. */
static void
test_wrong_lines(void **state)
{
	static const char *const lines[] = { "", " ", "all", "all ",
		"all drain", "all drain 0", "all drain 0 ", "all drain 0 0 ",
		"all drain 0  0", " all drain 0 0", "all  drain 0 0",
		"all down 0 0", "all up 0 0", "all drain -1 0",
		"all drain 0 -1", "all drain -0 0", "all drain 00 0",
		"all drain 0 0x", "all drain 0 9223372036854775808",
		"all drain 0 0\r", "all drain 0 0 a\x1b", "all drain 0 0 \xff",
		"All drain 0 0", "listener", "listener ", "listener  drain 0 0",
		"listener drain 0 0", "listener a\x01 drain 0 0",
		"else drain 0 0", "all drain 0 0\nall ready 0 0",
		"listener a drain 0 0\nlistener a drain 0 0" };
	size_t length, n;

	(void)state;
	for (size_t i = 0; i < COUNT(lines); i++) {
		n = strstr(lines[i], "0\n") == NULL ? 1 : 2;
		length = say(0, FIRST "%s\n", lines[i]);
		if (parse(text, finish(length, n)) == 0)
			fail_msg("'%s' was taken", lines[i]);
	}
	length = say(0, FIRST "all drain 0 0\n");
	assert_int_equal(parse(text, finish(length, 1)), 0);
	length = say(0, FIRST "all drain 0 0\n");
	assert_int_equal(parse(text, finish(length, 2)), -1);
	length = say(0, FIRST "all drain 0 0%c\n", '\0');
	assert_int_equal(parse(text, finish(length, 1)), -1);
	length = say(0, "forkgreet-state 2\nall drain 0 0\n");
	assert_int_equal(parse(text, finish(length, 1)), -1);
}

/* Names, reasons and numbers of words that are too much by one. */
static void
test_too_much(void **state)
{
	size_t length, n;

	(void)state;
	for (n = CONF_NAME_MAX; n <= CONF_NAME_MAX + 1; n++) {
		length = say(0, FIRST "listener %0*d drain 0 0\n", (int)n, 0);
		assert_int_equal(parse(text, finish(length, 1)),
		    n == CONF_NAME_MAX ? 0 : -1);
	}
	for (n = STATE_REASON_MAX; n <= STATE_REASON_MAX + 1; n++) {
		length = say(0, FIRST "all drain 0 0 %0*d\n", (int)n, 0);
		assert_int_equal(parse(text, finish(length, 1)),
		    n == STATE_REASON_MAX ? 0 : -1);
	}
	/* as long as it is when it has been escaped, and cut off */
	length = say(0, FIRST "all drain 0 0 \1%0*d\n", STATE_REASON_MAX - 1, 0);
	assert_int_equal(parse(text, finish(length, 1)), -1);
	length = say(0, FIRST "all drain 0 0 %0*d\n", STATE_TEXT_MAX / 2, 0);
	assert_int_equal(parse(text, finish(length, 1)), -1);
	for (n = STATE_REASON_MAX + 2; n <= 400; n++) {
		length = say(0, FIRST "all drain 0 0 %0*d\n", (int)n, 0);
		assert_int_equal(parse(text, finish(length, 1)), -1);
	}
}

/* None of them is stored behind the list. */
static void
test_too_many(void **state)
{
	static struct {
		struct state_words words;
		struct state_word behind;
	} memory;
	static const struct state_word none;
	size_t length = strlen(FIRST), n;

	(void)state;
	for (n = 0; n <= STATE_WORDS_MAX; n++)
		length = say(length, "listener %zu drain 0 0 %s\n", n,
		    "a reason that is as long as many a number of words");
	length = finish(length, n);
	assert_int_equal(state_words_parse(&memory.words, text, length), -1);
	assert_int_equal(memory.words.n, 0);
	assert_memory_equal(&memory.behind, &none, sizeof(none));
}

/* Cut at each byte, longer, and each bit wrong. */
static void
test_damaged(void **state)
{
	size_t length = state_words_format(&some, text, sizeof(text)), i;

	(void)state;
	for (i = 0; i < length; i++)
		assert_int_equal(parse(text, i), -1);
	assert_int_equal(parse(text, length), 0);
	text[length] = '\n';
	assert_int_equal(parse(text, length + 1), -1);
	text[length] = '\0';
	assert_int_equal(parse(text, length + 1), -1);
	for (i = 0; i < length * 8; i++) {
		text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
		if (parse(text, length) == 0)
			fail_msg("bit %zu of byte %zu", i % 8, i / 8);
		text[i / 8] = (char)(text[i / 8] ^ 1 << i % 8);
	}
	memset(text, 0, length); /* as a file system may leave it */
	assert_int_equal(parse(text, length), -1);
}

static void
test_random(void **state)
{
	size_t length, i;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		length = strlen(FIRST) + seeded_below(200);
		memcpy(text, FIRST, strlen(FIRST));
		for (i = seeded_below(2) * strlen(FIRST); i < length; i++)
			text[i] = (char)seeded_number();
		assert_int_equal(parse(text, length), -1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_text_kept),
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_reason_escaped),
		cmocka_unit_test(test_cannot_be_written),
		cmocka_unit_test(test_wrong_lines),
		cmocka_unit_test(test_too_much),
		cmocka_unit_test(test_too_many),
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_random),
	};

	seeded_begin();
	return cmocka_run_group_tests_name("state_words", tests, NULL, NULL);
}
