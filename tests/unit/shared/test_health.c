/* The words of a health file: shared/health.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/health.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NONE HEALTH_NO_WEIGHT
#define TEN "0123456789"
#define NINETY TEN TEN TEN TEN TEN TEN TEN TEN TEN

struct row {
	const char *text;
	enum state state;
	int weight;
	const char *reason;
};

/* In memory of the exact size, for a checker of memory. */
static enum health_parse
parse(const char *text, size_t length, struct health *health)
{
	char *exact = malloc(length > 0 ? length : 1);
	enum health_parse result;

	assert_non_null(exact);
	memcpy(exact, text, length);
	memset(health, 0xa5, sizeof(*health));
	result = health_parse(exact, length, health);
	free(exact);
	return result;
}

static void
check(const char *text, size_t length, enum health_parse result,
    const struct row *row)
{
	struct health health;
	enum health_parse got = parse(text, length, &health);

	if (got != result)
		fail_msg("'%s': result %d, not %d", text, (int)got,
		    (int)result);
	if (health.state != row->state || health.weight != row->weight)
		fail_msg("'%s': %s %d%%", text, state_name(health.state),
		    health.weight);
	if (strcmp(health.reason, row->reason) != 0)
		fail_msg("'%s': '%s', not '%s'", text, health.reason,
		    row->reason);
}

/* Each row with every kind of end. */
static void
check_rows(const struct row *rows, size_t n, enum health_parse result)
{
	static const struct {
		const char *text;
		bool is_whole;
	} ends[] = { { "\n", true }, { "\r\n", true }, { "", false },
		{ "\r", false }, { "\nmaint\n", true }, { "\n\x01", true },
		{ "\ndown", true } };
	char text[256];

	for (size_t i = 0; i < n; i++) {
		for (size_t j = 0; j < COUNT(ends); j++) {
			snprintf(text, sizeof(text), "%s%s", rows[i].text,
			    ends[j].text);
			check(text, strlen(text),
			    ends[j].is_whole ? result : HEALTH_UNFINISHED,
			    &rows[i]);
		}
	}
}

static void
test_words(void **cmocka)
{
	static const struct row rows[] = {
		{ "up", STATE_READY, NONE, "" },
		{ "ready", STATE_READY, NONE, "" },
		{ "down", STATE_DOWN, NONE, "" },
		{ "fail", STATE_DOWN, NONE, "" },
		{ "stopped", STATE_DOWN, NONE, "" },
		{ "drain", STATE_DRAIN, NONE, "" },
		{ "maint", STATE_MAINTENANCE, NONE, "" },
		{ "UP", STATE_READY, NONE, "" },
		{ "Stopped", STATE_DOWN, NONE, "" },
		{ "mAiNt", STATE_MAINTENANCE, NONE, "" },
		{ "75%", STATE_READY, 75, "" },
		{ "0%", STATE_READY, 0, "" },
		{ "100%", STATE_READY, 100, "" },
	};

	(void)cmocka;
	check_rows(rows, COUNT(rows), HEALTH_GOOD);
}

/* The worst state and the last weight. */
static void
test_several(void **cmocka)
{
	static const struct row rows[] = {
		{ "up 0%", STATE_READY, 0, "" },
		{ "75% up ready", STATE_READY, 75, "" },
		{ "up,ready,75%", STATE_READY, 75, "" },
		{ " \t,up\t75%, ,", STATE_READY, 75, "" },
		{ "up down", STATE_DOWN, NONE, "" },
		{ "down up", STATE_DOWN, NONE, "" },
		{ "drain up", STATE_DRAIN, NONE, "" },
		{ "down drain", STATE_DOWN, NONE, "" },
		{ "maint down 5%", STATE_MAINTENANCE, 5, "" },
		{ "down maint", STATE_MAINTENANCE, NONE, "" },
		{ "20% 30%", STATE_READY, 30, "" },
		{ "30% 20%", STATE_READY, 20, "" },
	};

	(void)cmocka;
	check_rows(rows, COUNT(rows), HEALTH_GOOD);
}

static void
test_reason(void **cmocka)
{
	static const struct row rows[] = {
		{ "down #disk full", STATE_DOWN, NONE, "disk full" },
		{ "up #all well", STATE_READY, NONE, "all well" },
		{ "5% # \t low, so # low \t ", STATE_READY, 5,
		    "low, so # low" },
		{ "fail #, low", STATE_DOWN, NONE, ", low" },
		{ "maint #", STATE_MAINTENANCE, NONE, "" },
		{ "drain # \t", STATE_DRAIN, NONE, "" },
		{ "down #up maint 5% nonsense", STATE_DOWN, NONE,
		    "up maint 5% nonsense" },
		{ "down,#a\tb", STATE_DOWN, NONE, "a b" },
		{ "down #gr\xc3\xbc\xc3\x9f", STATE_DOWN, NONE,
		    "gr\xc3\xbc\xc3\x9f" },
		{ "down #\xff\xc2\x9b", STATE_DOWN, NONE, "\\xff\\xc2\\x9b" },
		{ "down #" NINETY TEN, STATE_DOWN, NONE, NINETY TEN },
		{ "down #" NINETY TEN "x", STATE_DOWN, NONE, NINETY TEN },
		{ "down #" NINETY "01234567\xff", STATE_DOWN, NONE,
		    NINETY "01234567" },
		{ "down #" NINETY "0123456 \t xyz", STATE_DOWN, NONE,
		    NINETY "0123456" },
	};

	(void)cmocka;
	check_rows(rows, COUNT(rows), HEALTH_GOOD);
}

static void
test_bad_words(void **cmocka)
{
	static const struct row rows[] = {
		{ "", STATE_DOWN, NONE, "no word in it" },
		{ " , \t", STATE_DOWN, NONE, "no word in it" },
		{ "#reason", STATE_DOWN, NONE, "no word in it" },
		{ "ok", STATE_DOWN, NONE, "word not understood: ok" },
		{ "up ok 5%", STATE_DOWN, NONE, "word not understood: ok" },
		{ "5% ok", STATE_DOWN, NONE, "word not understood: ok" },
		{ "maint xyz", STATE_DOWN, NONE, "word not understood: xyz" },
		{ "u", STATE_DOWN, NONE, "word not understood: u" },
		{ "upp", STATE_DOWN, NONE, "word not understood: upp" },
		{ "up#why", STATE_DOWN, NONE, "word not understood: up#why" },
		{ "up;", STATE_DOWN, NONE, "word not understood: up;" },
		{ "maintenance", STATE_DOWN, NONE,
		    "word not understood: maintenance" },
		{ "up maxconn:30", STATE_DOWN, NONE,
		    "word not understood: maxconn:30" },
		{ "\xff", STATE_DOWN, NONE, "word not understood: \\xff" },
		{ NINETY, STATE_DOWN, NONE,
		    "word not understood: " TEN TEN TEN TEN TEN TEN TEN
		    "012345678" },
	};

	(void)cmocka;
	/* Without its newline the first one is an empty text. */
	check("\n", 1, HEALTH_BAD, &rows[0]);
	check_rows(rows + 1, COUNT(rows) - 1, HEALTH_BAD);
}

static void
test_bad_weights(void **cmocka)
{
	static const char *const words[] = { "%", "101%", "1000%", "-0%", "-1%",
		"+5%", "05%", "00%", "5.5%", "0x5%", "5%%", "x%", "%%",
		"4294967296%", "18446744073709551617%" };
	char reason[HEALTH_REASON_MAX + 1];
	struct row row = { NULL, STATE_DOWN, NONE, reason };

	(void)cmocka;
	for (size_t i = 0; i < COUNT(words); i++) {
		row.text = words[i];
		snprintf(reason, sizeof(reason),
		    "weight not from 0%% to 100%%: %s", words[i]);
		check_rows(&row, 1, HEALTH_BAD);
	}
}

/* In a word, in a reason, before the end: but not behind the line. */
static void
test_control_bytes(void **cmocka)
{
	static const char *const texts[] = { "up ?", "?up", "u?p", "up #x?y" };
	char text[16], reason[HEALTH_REASON_MAX + 1];
	struct row row = { text, STATE_DOWN, NONE, reason };
	size_t length;

	(void)cmocka;
	for (int byte = 0; byte < 0x80; byte++) {
		if (byte == '\n' || byte == '\t' ||
		    (byte >= ' ' && byte < 0x7f))
			continue;
		snprintf(reason, sizeof(reason), "control byte in it: \\x%02x",
		    (unsigned)byte);
		for (size_t i = 0; i < COUNT(texts); i++) {
			length = (size_t)snprintf(text, sizeof(text), "%s \n",
			    texts[i]);
			*strchr(text, '?') = (char)byte;
			check(text, length, HEALTH_BAD, &row);
			check(text, length - 1, HEALTH_UNFINISHED, &row);
		}
	}
	check("up\r\r\n", 5, HEALTH_BAD,
	    &(struct row){ "", STATE_DOWN, NONE, "control byte in it: \\x0d" });
}

static void
test_empty(void **cmocka)
{
	static const struct row empty = { "", STATE_DOWN, NONE, "empty" };
	struct health health;

	(void)cmocka;
	check("", 0, HEALTH_UNFINISHED, &empty);
	assert_int_equal(health_parse(NULL, 0, &health), HEALTH_UNFINISHED);
	assert_string_equal(health.reason, "empty");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_several),
		cmocka_unit_test(test_reason),
		cmocka_unit_test(test_bad_words),
		cmocka_unit_test(test_bad_weights),
		cmocka_unit_test(test_control_bytes),
		cmocka_unit_test(test_empty),
	};

	return cmocka_run_group_tests_name("health", tests, NULL, NULL);
}
