/* What a reader may say, an enemy's too: master/config/entries.c, settings.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/confs.h"
#include "master/config/entries.h"
#include "master/config/settings.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define BYTES_MAX (1 << 20)
#define RANDOM_ROUNDS 50000
#define EDITS_MAX 6

struct said {
	enum entry_type type;
	uint32_t line;
	const char *path;
	const char *text;
};

static char *bytes;
static size_t length;
static struct report report;

static int
setup(void **state)
{
	bytes = malloc(BYTES_MAX);
	return bytes == NULL ? -1 : confs_setup(state);
}

static int
teardown(void **state)
{
	free(bytes);
	return confs_teardown(state);
}

static void
put_bytes(const void *from, size_t n)
{
	assert_true(length + n <= BYTES_MAX);
	memmove(bytes + length, from, n); /* it may be of bytes itself */
	length += n;
}

static void
put(enum entry_type type, uint32_t line, const char *path, const char *text)
{
	struct entry_head head = { line, (uint32_t)strlen(text),
		(uint16_t)strlen(path), (uint16_t)type };

	put_bytes(&head, sizeof(head));
	put_bytes(path, strlen(path) + 1);
	put_bytes(text, strlen(text) + 1);
}

static void
put_all(const struct said *said, size_t n)
{
	for (length = 0; n > 0; n--, said++)
		put(said->type, said->line, said->path, said->text);
}

/* On memory of just that length, so that a sanitizer sees a step beyond. */
static struct conf *
make(void)
{
	char *copy = malloc(length > 0 ? length : 1);
	struct source source = { .path = "x", .bytes = copy,
		.length = length };
	struct conf *conf = NULL;

	assert_non_null(copy);
	memcpy(copy, bytes, length);
	memset(&report, 0, sizeof(report));
	if (entries_parse(&source.entries, copy, length, "x", &report) == 0)
		conf = settings_make(&source, 1, true, &report);
	entries_free(&source.entries);
	free(copy);
	assert_true((conf == NULL) == (report.errors > 0));
	return conf;
}

static void
must_break(const char *why)
{
	char line[200];

	snprintf(line, sizeof(line), "x: the reader's answer is broken: %s",
	    why);
	assert_null(make());
	assert_int_equal(report.errors, 1);
	assert_string_equal(report.lines[0].text, line);
}

#define END { ENTRY_END, 0, "", "" }
#define LISTENERS { ENTRY_LIST, 2, "listeners", "" }
#define FIRST { ENTRY_GROUP, 2, "listeners[0]", "" }

static const struct said good[] = {
	{ ENTRY_STRING, 1, "user", "u" },
	{ ENTRY_GROUP, 1, "limits", "" },
	{ ENTRY_ARRAY, 1, "limits.exempt", "" },
	{ ENTRY_STRING, 1, "limits.exempt[0]", "10.0.0.0/8" },
	{ ENTRY_STRING, 1, "limits.exempt[1]", "::1" },
	{ ENTRY_FLOAT, 1, "limits.rate", "2.5" },
	{ ENTRY_STRING, 1, "pid_file", "/p" },
	LISTENERS,
	FIRST,
	{ ENTRY_STRING, 2, "listeners[0].name", "first" },
	{ ENTRY_INTEGER, 2, "listeners[0].port", "1" },
	{ ENTRY_LIST, 3, "listeners[0].rules", "" },
	{ ENTRY_GROUP, 3, "listeners[0].rules[0]", "" },
	{ ENTRY_STRING, 3, "listeners[0].rules[0].from", "any" },
	{ ENTRY_STRING, 3, "listeners[0].rules[0].action", "deny" },
	{ ENTRY_STRING, 3, "listeners[0].rules[0].greeting", "own\n" },
	{ ENTRY_LIST, 4, "listeners[0].address", "" },
	{ ENTRY_STRING, 4, "listeners[0].address[0]", "10.0.0.1" },
	{ ENTRY_STRING, 4, "listeners[0].address[1]", "fe80::1%eth0" },
	{ ENTRY_GROUP, 5, "listeners[1]", "" },
	{ ENTRY_STRING, 5, "listeners[1].greeting_file", "/etc/motd" },
	{ ENTRY_BOOLEAN, 5, "listeners[1].hold", "true" },
	{ ENTRY_GROUP, 6, "log", "" },
	END,
};

static void
test_good(void **state)
{
	struct conf *conf;

	(void)state;
	put_all(good, COUNT(good));
	conf = make();
	assert_non_null(conf);
	assert_int_equal(conf->n_listeners, 2);
	assert_int_equal(conf->n_addresses, 3);
	assert_int_equal(conf->n_rules, 1);
	assert_int_equal(conf->n_nets, 3);
	assert_int_equal(conf->limits.rate, 2500);
	assert_int_equal(schema_line(conf, "pid_file"), 1);
	assert_int_equal(conf->rule[0].greeting_line, 3);
	assert_int_equal(conf->listener[1].hold, 1);
	free(conf);
}

/* One entry, and the end, if there is no second. */
static const struct {
	struct said said[2];
	const char *why;
} broken[] = {
	{ { { ENTRY_STRING, 0, "user", "u" } }, "line" },
	{ { { ENTRY_STRING, CONF_FILE_MAX + 2, "user", "u" } }, "line" },
	{ { { ENTRY_END + 1, 1, "user", "u" } }, "type" },
	{ { { 65535, 1, "user", "u" } }, "type" },
	{ { { ENTRY_WRONG, 1, "user", "" } }, "no finding" },
	{ { { ENTRY_WRONG, 1, "user", "u" } }, "value" },
	{ { { ENTRY_GROUP, 1, "log", "x" } }, "value" },
	{ { { ENTRY_INTEGER, 1, "user", "" } }, "value" },
	{ { { ENTRY_INTEGER, 1, "user", "010" } }, "value" },
	{ { { ENTRY_INTEGER, 1, "user", "9223372036854775808" } }, "value" },
	{ { { ENTRY_INTEGER, 1, "user", "1 " } }, "value" },
	{ { { ENTRY_FLOAT, 1, "user", "" } }, "value" },
	{ { { ENTRY_FLOAT, 1, "user", "nan" } }, "value" },
	{ { { ENTRY_FLOAT, 1, "user", "0x1p3" } }, "value" },
	{ { { ENTRY_FLOAT, 1, "user", "1.5.2" } }, "value" },
	{ { { ENTRY_FLOAT, 1, "user", " 1" } }, "value" },
	{ { { ENTRY_FLOAT, 1, "user", "1.0000000000000000000000000000001" } },
	    "value" },
	{ { { ENTRY_BOOLEAN, 1, "user", "yes" } }, "value" },
	{ { { ENTRY_BOOLEAN, 1, "user", "" } }, "value" },
	{ { { ENTRY_STRING, 1, "", "u" } }, "name" },
	{ { { ENTRY_STRING, 1, "us er", "u" } }, "name" },
	{ { { ENTRY_STRING, 1, "us\033er", "u" } }, "name" },
	{ { { ENTRY_STRING, 1, "[0]", "u" } }, "path" },
	{ { { ENTRY_STRING, 1, "log.level", "info" } }, "path" },
	{ { { ENTRY_STRING, 1, "log", "x" },
	      { ENTRY_STRING, 1, "log.level", "info" } }, "path" },
	{ { { ENTRY_GROUP, 1, "log", "" },
	      { ENTRY_STRING, 1, "log.level.x", "info" } }, "path" },
	{ { { ENTRY_GROUP, 1, "log", "" },
	      { ENTRY_STRING, 1, "log[0]", "info" } }, "path" },
	{ { { ENTRY_GROUP, 1, "log", "" },
	      { ENTRY_STRING, 1, "log.", "info" } }, "name" },
	{ { LISTENERS, { ENTRY_GROUP, 1, "listeners[1]", "" } }, "place" },
	{ { LISTENERS, { ENTRY_GROUP, 1, "listeners[00]", "" } }, "place" },
	{ { LISTENERS, { ENTRY_GROUP, 1, "listeners.x", "" } }, "path" },
	{ { LISTENERS, { ENTRY_GROUP, 1, "listeners[0", "" } }, "place" },
};

static void
test_broken(void **state)
{
	const struct said end = END;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(broken); i++) {
		put_all(broken[i].said, broken[i].said[1].path != NULL ? 2 : 1);
		put(end.type, 0, "", "");
		must_break(broken[i].why);
	}
}

/* Each length but the right one. */
static void
test_cut(void **state)
{
	size_t whole;

	(void)state;
	put_all(good, COUNT(good));
	whole = length;
	for (length = 0; length < whole; length++) {
		assert_null(make());
		assert_int_equal(report.errors, 1);
		assert_non_null(strstr(report.lines[0].text, "is broken: "));
	}
	length = whole;
	put_bytes("", 1);
	must_break("too long");
}

static void
test_lengths(void **state)
{
	struct entry_head head = { 1, 1, 4, ENTRY_STRING };

	(void)state;
	length = 0;
	put_bytes(&head, sizeof(head));
	put_bytes("user\0u", 6); /* its NUL is not there */
	must_break("length");
	put_bytes("x", 1);
	must_break("NUL");
	length = 0;
	head.path_length = 3;
	put_bytes(&head, sizeof(head));
	put_bytes("user\0u", 7);
	must_break("NUL");
	length = 0;
	head.path_length = ENTRY_PATH_MAX + 1;
	put_bytes(&head, sizeof(head));
	put_bytes(bytes, 1000);
	must_break("length");
	length = 0;
	head.path_length = 4;
	head.text_length = UINT32_MAX;
	put_bytes(&head, sizeof(head));
	put_bytes("user\0u", 7);
	must_break("length");
	length = 0;
	head.text_length = 3;
	put_bytes(&head, sizeof(head));
	put_bytes("user\0u\0v", 9); /* a NUL in a text */
	must_break("NUL");
}

static void
test_bounds(void **state)
{
	char path[ENTRY_PATH_MAX + 1] = "a";
	unsigned i;

	(void)state;
	for (length = 0, i = 0; i <= ENTRY_DEPTH_MAX; i++) {
		put(ENTRY_GROUP, 1, path, "");
		strcat(path, ".a");
	}
	must_break("depth");
	length = 0;
	for (i = 0; i <= ENTRIES_MAX && length + 64 < BYTES_MAX; i++)
		put(ENTRY_WRONG, 1, "a", "");
	put(ENTRY_END, 0, "", "");
	assert_null(make());
	assert_true(report.errors > 0);
}

/* Not by our reader, so nothing is to be made of it. */
static void
test_key_twice(void **state)
{
	static const struct said twice[] = {
		LISTENERS, FIRST,
		{ ENTRY_LIST, 3, "listeners[0].rules", "" },
		{ ENTRY_LIST, 4, "listeners[0].rules", "" },
		{ ENTRY_INTEGER, 5, "listeners[0].port", "5" },
		{ ENTRY_INTEGER, 6, "listeners[0].port", "6" },
		{ ENTRY_GROUP, 7, "limits", "" },
		{ ENTRY_INTEGER, 7, "limits.burst", "5" },
		{ ENTRY_GROUP, 8, "limits", "" },
		{ ENTRY_INTEGER, 8, "limits.burst", "6" },
		{ ENTRY_LIST, 9, "listeners", "" },
		END,
	};
	static const char *const said[] = {
		"x:8: limits.burst: duplicate key, expected one",
		"x:9: listeners: duplicate key, expected one",
		"x:4: listeners[0].rules: duplicate key, expected one",
		"x:6: listeners[0].port: duplicate key, expected one",
	};
	size_t i;

	(void)state;
	put_all(twice, COUNT(twice));
	assert_null(make());
	assert_int_equal(report.errors, COUNT(said));
	for (i = 0; i < COUNT(said); i++)
		assert_string_equal(report.lines[i].text, said[i]);
}

/* Findings are errors, made fit to be shown; a failure is one without a line. */
static void
test_findings(void **state)
{
	static const struct said said[] = {
		{ ENTRY_FINDING, 7, "\033[1m", "is\n\001wrong" },
		{ ENTRY_FAILURE, 0, "", "confining the reader: x" },
		{ ENTRY_WRONG, 1, "user", "" },
		END,
	};

	(void)state;
	put_all(said, COUNT(said));
	assert_null(make());
	assert_int_equal(report.errors, 2);
	assert_string_equal(
	    report.lines[0].text, "x:7: \\x1b[1m: is\\x0a\\x01wrong");
	assert_string_equal(report.lines[1].text, "x: confining the reader: x");
}

/* ---------------------------------------------------------------- at random */

static uint64_t seed = 1;

static uint64_t
random_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

/* Swaps, repeats, drops or replaces entries, or bytes in them. */
static void
put_changed(void)
{
	size_t order[COUNT(good)], i, n, at;

	for (i = 0; i < COUNT(good); i++)
		order[i] = i;
	for (n = random_number() % 3; n > 0; n--) {
		at = random_number() % (COUNT(good) - 1);
		order[at] = random_number() % (COUNT(good) - 1);
	}
	for (length = 0, i = 0; i < COUNT(good); i++)
		put(good[order[i]].type, good[order[i]].line,
		    good[order[i]].path, good[order[i]].text);
	for (n = random_number() % EDITS_MAX; n > 0; n--)
		bytes[random_number() % length] =
		    (char)(random_number() % 4 == 0 ? random_number()
						     : random_number() % 13);
}

/* Refused with an error, or another configuration that is safe to use. */
static void
test_random(void **state)
{
	unsigned accepted = 0, i;
	struct conf *conf;
	uint32_t k;

	(void)state;
	for (i = 0; i < RANDOM_ROUNDS; i++) {
		put_changed();
		conf = make();
		if (conf == NULL)
			continue;
		accepted++;
		for (k = 0; k < conf->n_rules; k++)
			assert_in_range(conf->rule[k].from.n, 1,
			    conf->n_nets - conf->rule[k].from.first);
		free(confs_dump(conf));
		free(conf);
	}
	print_message("# seed 1, %u of %d accepted\n", accepted, RANDOM_ROUNDS);
	assert_in_range(accepted, RANDOM_ROUNDS / 20, RANDOM_ROUNDS / 2);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_key_twice),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_random),
	};

	return cmocka_run_group_tests_name("entries", tests, setup, teardown);
}
