/* What the configuration looks like written out: master/config/dump.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/confs.h"
#include "unit/seeded.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define RANDOM_CONFIGURATIONS 300
#define GREETING_MAX 400

/* Loads text, and what it is dumped as; both dumps must be the same. */
static void
check_fixpoint(const char *text)
{
	struct conf *conf = confs_must_load(text), *again;
	char *dump = confs_dump(conf), *second;

	again = confs_must_load(dump);
	second = confs_dump(again);
	assert_string_equal(dump, second);
	assert_int_equal(conf->n_listeners, again->n_listeners);
	assert_int_equal(conf->n_addresses, again->n_addresses);
	free(conf);
	free(again);
	free(dump);
	free(second);
}

static void
test_default(void **state)
{
	struct conf *conf = confs_must_load("");
	char *dump = confs_dump(conf);

	(void)state;
	assert_non_null(strstr(dump, "user = \"forkgreet\";\n"));
	assert_non_null(strstr(dump, "log = {\n\ttarget = \"syslog\";\n"));
	assert_non_null(strstr(dump, "\tsession = 30;\n"));
	assert_non_null(strstr(dump, "listeners = (\n\t{\n"));
	assert_non_null(strstr(dump, "\t\taddress = \"127.0.0.1\";\n"));
	assert_non_null(strstr(dump, "\t\tgreeting = \"hi client\\n\";\n"));
	assert_null(strstr(dump, "greeting_file"));
	free(dump);
	free(conf);
	check_fixpoint("");
}

/* Each number key of the schema at both of its ends. */
static void
test_each_key(void **state)
{
	const struct schema_key *key;
	char text[SCHEMA_TEXT_MAX];
	enum schema_scope scope;

	(void)state;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++)
		for (scope = SCHEMA_TOP; scope <= SCHEMA_LISTENER; scope++) {
			if (!schema_has(key, scope) || !schema_is_number(key) ||
			    key->type == SCHEMA_CHOICE)
				continue;
			check_fixpoint(confs_assign(
			    key, scope, schema_format(key, key->min, text)));
			check_fixpoint(confs_assign(
			    key, scope, schema_format(key, key->max, text)));
		}
}

/* A greeting as it is written in the file, and in the dump. */
static const struct {
	const char *written;
	const char *dumped;
} greetings[] = {
	{ "", "\"\"" },
	{ "a\\\"b\\\\c", "\"a\\\"b\\\\c\"" },
	{ "\\x09\\x0a\\x0d\\x0c\\x01\\x7f", "\"\\t\\n\\r\\x0c\\x01\\x7f\"" },
	/* UTF-8 stays: two, three, four bytes, the ends of their ranges. */
	{ "\xc2\xa1\xdf\xbf", "\"\xc2\xa1\xdf\xbf\"" },
	{ "\xe0\xa0\x80\xef\xbf\xbf", "\"\xe0\xa0\x80\xef\xbf\xbf\"" },
	{ "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf",
	    "\"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"" },
	/* All else is escaped: halves, controls, a space that is none, overlong
	 * forms, surrogates, what is behind the last. */
	{ "\xc2\xa0", "\"\\xc2\\xa0\"" },
	{ "\xc3", "\"\\xc3\"" },
	{ "\xc3x", "\"\\xc3x\"" },
	{ "\xe2\x82", "\"\\xe2\\x82\"" },
	{ "\xc2\x80\xc2\x9f", "\"\\xc2\\x80\\xc2\\x9f\"" },
	{ "\xc1\xbf", "\"\\xc1\\xbf\"" },
	{ "\xe0\x9f\xbf", "\"\\xe0\\x9f\\xbf\"" },
	{ "\xed\xa0\x80", "\"\\xed\\xa0\\x80\"" },
	{ "\xf0\x8f\xbf\xbf", "\"\\xf0\\x8f\\xbf\\xbf\"" },
	{ "\xf4\x90\x80\x80", "\"\\xf4\\x90\\x80\\x80\"" },
	/* Lines: after a newline from 16 bytes on, or after 64. */
	{ "a\\nb", "\"a\\nb\"" },
	{ "0123456789abcd\\nx", "\"0123456789abcd\\nx\"" },
	{ "0123456789abcde\\nx", "\"0123456789abcde\\n\"\n\t\t\t\"x\"" },
	{ "0123456789abcde\\n", "\"0123456789abcde\\n\"" },
	{ "0123456789012345678901234567890123456789012345678901234567890123x",
	    "\"012345678901234567890123456789012345678901234567890123456789"
	    "0123\"\n\t\t\t\"x\"" },
};

static void
test_greetings(void **state)
{
	char text[512], line[512], *dump;
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(greetings); i++) {
		snprintf(text, sizeof(text),
		    "listeners = ( { greeting = \"%s\"; } );",
		    greetings[i].written);
		conf = confs_must_load(text);
		dump = confs_dump(conf);
		snprintf(line, sizeof(line), "\t\tgreeting = %s;\n",
		    greetings[i].dumped);
		if (strstr(dump, line) == NULL)
			fail_msg("no %s", line);
		free(dump);
		free(conf);
		check_fixpoint(text);
	}
}

static void
test_greeting_file(void **state)
{
	const char *text = "listeners = ( { greeting_file = \"/x\"; } );";
	struct conf *conf = confs_must_load(text);
	char *dump = confs_dump(conf);

	(void)state;
	assert_non_null(strstr(dump, "\t\tgreeting_file = \"/x\";\n"));
	assert_null(strstr(dump, "greeting = "));
	free(dump);
	free(conf);
	check_fixpoint(text);
}

/* ------------------------------------------------- random configurations */

static void
put_random_bytes(FILE *out, unsigned char *bytes, size_t *length)
{
	size_t i, n = seeded_below(GREETING_MAX);

	fputc('"', out);
	for (i = 0; i < n; i++) {
		/* Mostly text; newlines, quotes, any byte but NUL. */
		bytes[i] = (unsigned char)(seeded_below(3) == 0
			? 1 + seeded_below(255)
			: (unsigned)"abc \n\"\\\r\t\xc3"[seeded_below(10)]);
		if (isalnum(bytes[i]) || seeded_below(2) == 0)
			fprintf(out, "\\x%02x", bytes[i]);
		else if (bytes[i] == '"' || bytes[i] == '\\')
			fprintf(out, "\\%c", bytes[i]);
		else
			fputc(bytes[i], out);
		if (seeded_below(40) == 0)
			fputs("\"\n  \"", out);
	}
	fputc('"', out);
	*length = n;
}

static void
put_random_number(FILE *out, const struct schema_key *key)
{
	char text[SCHEMA_TEXT_MAX];
	unsigned n = 0;

	if (key->type == SCHEMA_CHOICE) {
		while (key->choices[n].word != NULL)
			n++;
		fprintf(out, "\"%s\"", key->choices[seeded_below(n)].word);
		return;
	}
	n = seeded_below((unsigned)(key->max - key->min) + 1);
	fputs(schema_format(key, key->min + (int64_t)n, text), out);
}

static void
put_random_keys(FILE *out, enum schema_scope scope)
{
	const struct schema_key *key;
	const char *dot, *name, *group = "";
	size_t length = 0;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!schema_has(key, scope) || !schema_is_number(key) ||
		    strcmp(key->name, "port") == 0 || seeded_below(2) == 0)
			continue;
		/* Not every one goes with every other. */
		if (strcmp(key->name, "format") == 0 ||
		    strcmp(key->name, "pick") == 0)
			continue;
		dot = strchr(key->name, '.');
		name = dot != NULL ? dot + 1 : key->name;
		if (length > 0 && strncmp(group, key->name, length) != 0) {
			fputs("};\n", out);
			length = 0;
		}
		if (dot != NULL && length == 0) {
			group = key->name;
			length = (size_t)(dot - key->name) + 1;
			fprintf(out, "%.*s = {\n", (int)length - 1, group);
		}
		if (strcmp(key->name, "proxy_protocol.version") == 0)
			fputs("trusted = ( \"192.0.2.1\", \"2001:db8::/32\" );\n",
			    out); /* it needs that */
		fprintf(out, "%s = ", name);
		put_random_number(out, key);
		fputs(";\n", out);
	}
	fputs(length > 0 ? "};\n" : "", out);
}

static void
put_random_listener(
    FILE *out, unsigned i, unsigned char *greeting, size_t *length)
{
	static const char *const addresses[] = { "\"::\"", "\"0.0.0.0\"",
		"\"127.0.0.1\"", "( \"::1\", \"10.0.0.1\", \"fe80::1%x\" )",
		"[ \"2001:db8::5\" ]" };

	fprintf(out, "%s{ port = %u; name = \"n%u\";\n", i > 0 ? ",\n" : "",
	    1 + i + 100 * seeded_below(600), i);
	fprintf(out, "address = %s;\n", addresses[seeded_below(5)]);
	put_random_keys(out, SCHEMA_LISTENER);
	fputs("greeting = ", out);
	put_random_bytes(out, greeting, length);
	fputs("; }", out);
}

/* The greetings must come out as the bytes that were meant. */
static void
test_random(void **state)
{
	unsigned char greeting[8][GREETING_MAX];
	size_t length[8], size;
	unsigned i, k, n;
	struct conf *conf;
	char *text;
	FILE *out;

	(void)state;
	for (i = 0; i < RANDOM_CONFIGURATIONS; i++) {
		out = open_memstream(&text, &size);
		assert_non_null(out);
		put_random_keys(out, SCHEMA_TOP);
		fputs("listeners = (", out);
		n = 1 + seeded_below(8);
		for (k = 0; k < n; k++)
			put_random_listener(out, k, greeting[k], &length[k]);
		fputs(" );\n", out);
		assert_int_equal(fclose(out), 0);
		conf = confs_must_load(text);
		for (k = 0; k < n; k++) {
			assert_int_equal(
			    conf->listener[k].greeting.length, length[k]);
			assert_memory_equal(
			    conf_text(conf, conf->listener[k].greeting),
			    greeting[k], length[k]);
		}
		free(conf);
		check_fixpoint(text);
		free(text);
	}
}

/* ASan's realloc() copies always, and libconfig 1.5 grows by 64 bytes. */
#ifdef WITH_SANITIZERS
#define LARGEST (CONF_GREETING_MAX / 16)
#else
#define LARGEST CONF_GREETING_MAX
#endif

/* The most that all texts may have, in the bytes that take most to write. */
static void
test_largest(void **state)
{
	char *text = NULL;
	size_t size, k;
	FILE *out = open_memstream(&text, &size);
	unsigned i;

	(void)state;
	assert_non_null(out);
	for (i = 0; i < 3; i++) {
		fputs(i == 0 ? "listeners = (" : ",\n", out);
		fprintf(out, "{ port = %u; greeting = \"", i + 1);
		for (k = 0; k < LARGEST; k++)
			fputc(i == 0 ? 1 : i == 1 ? '\n' : '"' + 1, out);
		fputs("\"; }", out);
	}
	fputs(" );\n", out);
	assert_int_equal(fclose(out), 0);
	check_fixpoint(text);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_each_key),
		cmocka_unit_test(test_greetings),
		cmocka_unit_test(test_greeting_file),
		cmocka_unit_test(test_random),
		cmocka_unit_test(test_largest),
	};

	seeded_begin();
	return cmocka_run_group_tests_name(
	    "dump_write", tests, confs_setup, confs_teardown);
}
