/* The example configuration and the manual say what the schema says. */
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
#include "master/system/file.h"

#ifndef TOP_SRCDIR
#define TOP_SRCDIR "." /* make's environment says better */
#endif

static char *
read_source(const char *name)
{
	const char *top = getenv("top_srcdir");
	char path[1024];
	size_t length;
	const char *why;
	char *text;

	snprintf(
	    path, sizeof(path), "%s/%s", top != NULL ? top : TOP_SRCDIR, name);
	if (file_read(path, 1 << 20, FILE_OF_ANYBODY, &text, &length, &why) ==
	    -1)
		fail_msg("%s: %s", path, why);
	return text;
}

/* Without what it includes, which is the machine's. */
static char *
read_example(void)
{
	char *text = read_source("etc/forkgreet.conf");
	char *include = strstr(text, "\ninclude = \"");

	assert_non_null(include);
	memset(include + 1, ' ', strcspn(include + 1, "\n"));
	return text;
}

/* All it sets beyond the defaults is IPv6, where there is any. */
static void
test_example_is_default(void **state)
{
	char *text = read_example();
	struct conf *conf = confs_must_load(text);
	struct conf *standard = confs_must_load(
	    "listeners = ( { name = \"main\"; optional = true;"
	    " address = ( \"127.0.0.1\", \"::1\" ); } );");
	char *dump = confs_dump(conf), *other = confs_dump(standard);

	(void)state;
	assert_string_equal(dump, other);
	free(conf);
	free(standard);
	free(dump);
	free(other);
	free(text);
}

/* Each "#key = value;" of the example, uncommented one at a time, changes
 * nothing: it shows the default.  Two show something else. */
static void
test_example_shows_defaults(void **state)
{
	char *text = read_example(), *at = text;
	struct conf *conf = confs_must_load(text);
	char *dump = confs_dump(conf), *other;
	unsigned n = 0;

	(void)state;
	free(conf);
	for (; (at = strchr(at, '#')) != NULL; at++) {
		if (!islower((unsigned char)at[1]) ||
		    strncmp(at, "#greeting_file", 14) == 0 ||
		    strncmp(at, "#proxy_protocol", 15) == 0 ||
		    (at[-1] != '\n' && at[-1] != '\t'))
			continue;
		*at = ' ';
		conf = confs_must_load(text);
		other = confs_dump(conf);
		assert_string_equal(dump, other);
		free(other);
		free(conf);
		*at = '#';
		n++;
	}
	assert_true(n > 20);
	free(dump);
	free(text);
}

static void
test_example_has_all_keys(void **state)
{
	char *text = read_source("etc/forkgreet.conf");
	const struct schema_key *key;
	const char *name, *at;

	(void)state;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		name = strrchr(key->name, '.');
		name = name != NULL ? name + 1 : key->name;
		for (at = text; (at = strstr(at, name)) != NULL; at++)
			if (strchr("#\t\n ", at[-1]) != NULL &&
			    strncmp(at + strlen(name), " = ", 3) == 0)
				break;
		if (at == NULL)
			fail_msg("no %s", key->name);
	}
	free(text);
}

/* What the manual must say of a key: what is allowed, and the default. */
static void
describe(const struct schema_key *key, char *text, size_t size)
{
	char allowed[SCHEMA_TEXT_MAX], standard[SCHEMA_TEXT_MAX];

	text[0] = '\0';
	if (strcmp(key->name, "rules.action") == 0)
		snprintf(text, size, "%s. There is no default.",
		    schema_describe(key, allowed));
	else if (schema_is_number(key))
		snprintf(text, size, "%s, default %s.",
		    schema_describe(key, allowed),
		    schema_allows(key, key->number) ?
			schema_format(key, key->number, standard) :
			key->text);
	else if (strcmp(key->name, "greeting") == 0)
		snprintf(text, size, "default \"hi client\\en\".");
	else if (key->type == SCHEMA_GREETING && key->text[0] != '\0')
		snprintf(text, size, "\"%.*s\\en\"",
		    (int)strcspn(key->text, "\n"), key->text);
	else if (key->text != NULL && key->text[0] != '\0')
		snprintf(text, size, "default \"%s\"", key->text);
}

static void
test_manual_has_all_keys(void **state)
{
	char *text = read_source("etc/forkgreet.conf.5"), *at, *end;
	char item[64], said[2 * SCHEMA_TEXT_MAX];
	const struct schema_key *key;

	(void)state;
	for (at = text; *at != '\0'; at++)
		*at = *at == '\n' ? ' ' : *at;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		snprintf(item, sizeof(item), ".It Ic %s ",
		    strcmp(key->name, "group") == 0 ? "user , group"
						    : key->name);
		at = strstr(text, item);
		if (at == NULL)
			fail_msg("no %s", key->name);
		end = strstr(at + 1, " .It ");
		assert_non_null(end);
		*end = '\0';
		describe(key, said, sizeof(said));
		if (strstr(at, said) == NULL)
			fail_msg("%s: no \"%s\"", key->name, said);
		if (key->restart)
			assert_non_null(strstr(at, "Needs a restart."));
		*end = ' ';
	}
	free(text);
}

/* The examples in the manual are configurations. */
static void
test_manual_examples(void **state)
{
	static const char start[] = ".Bd -literal -offset indent\n";
	char *text = read_source("etc/forkgreet.conf.5"), *at = text, *end;
	char *escape;
	unsigned n = 0;

	(void)state;
	while ((at = strstr(at, start)) != NULL) {
		at += strlen(start);
		end = strstr(at, ".Ed\n");
		assert_non_null(end);
		*end = '\0';
		/* "\\en" is mdoc for "\\n". */
		while ((escape = strstr(at, "\\en")) != NULL)
			memcpy(escape, " \\n", 3);
		free(confs_must_load(at));
		at = end + 1;
		n++;
	}
	assert_int_equal(n, 4);
	free(text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_example_is_default),
		cmocka_unit_test(test_example_shows_defaults),
		cmocka_unit_test(test_example_has_all_keys),
		cmocka_unit_test(test_manual_has_all_keys),
		cmocka_unit_test(test_manual_examples),
	};

	return cmocka_run_group_tests_name(
	    "conf_docs", tests, confs_setup, confs_teardown);
}
