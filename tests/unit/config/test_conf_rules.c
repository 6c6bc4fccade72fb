/* The configuration's rules beyond type and range, but for addresses. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/confs.h"

#define TEN "0123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct confs_slip texts_bad[] = {
	{ "user = \"\";", 1, "user", "\"\" is 0 bytes", "1 to 32" },
	{ "user =\n\"a b\";", 1, "user", "\"a b\"", "expected" },
	{ "user = \"-x\";", 1, "user", "\"-x\"", "no '-' at the start" },
	{ "user = \"a b\";", 1, "user", "\"a b\"",
	    "not the name of an account" },
	{ "user = \"a/b\";", 1, "user", "\"a/b\"", "expected" },
	{ "user = \"a$b\";", 1, "user", "\"a$b\"", "expected" },
	{ "user = \"root\";", 1, "user", "\"root\"", "any account but" },
	{ "group = \"0\";", 1, "group", "\"0\"", "any account but" },
	{ "group = \"012345678901234567890123456789012\";", 1, "group",
	    "is 33 bytes long", "expected 1 to 32" },
	{ "group = \"a\\x01\";", 1, "group", "a\\x01", "control byte" },
	{ "\npid_file = \"run/x\";", 2, "pid_file", "\"run/x\"",
	    "starts with \"/\", or \"\" for none" },
	{ "pid_file = \"/a\\nb\";", 1, "pid_file", "/a\\x0ab", "control byte" },
	{ "\ncontrol_socket = \"run/x\";", 2, "control_socket", "\"run/x\"",
	    "starts with \"/\", or \"\" for none" },
	{ "control_socket = \"/run/x/\";", 1, "control_socket",
	    "\"/run/x/\"", "is a directory" },
	{ "control_socket = \"/run/.\";", 1, "control_socket", "\"/run/.\"",
	    "is a directory" },
	{ "control_socket = \"/..\";", 1, "control_socket", "\"/..\"",
	    "is a directory" },
	{ "control_socket = \"/" HUNDRED "1234567\";", 1, "control_socket",
	    "is 108 bytes long", "expected 0 to 107" },
	{ "listeners = (\n{ greeting_file = \"x\"; } );", 2,
	    "listeners[0].greeting_file", "\"x\"", "starts with \"/\"" },
	{ "listeners = (\n{ greeting_file = \"\"; } );", 2,
	    "listeners[0].greeting_file", "\"\" is 0 bytes", "1 to 4095" },
	{ "listeners = ( { greeting = \"a\";\ngreeting_file = \"/x\"; } );", 2,
	    "listeners[0].greeting_file", "line 1", "one of the two" },
	{ "listeners = ( { greeting_file = \"/x\";\n\ngreeting = \"\"; } );", 1,
	    "listeners[0].greeting_file", "line 3", "one of the two" },
	{ "refusals = {\nbusy = \"%{\"; };", 2, "refusals.busy", "\"%{\"",
	    "without a \"}\"" },
	{ "refusals = {\nrate = \"%{Time}\"; };", 2, "refusals.rate",
	    "\"%{Time}\"", "unknown variable, expected one of %{client_ip}, " },
	{ "refusals = {\ndenied = \"%{time:%Q}\"; };", 2, "refusals.denied",
	    "\"%{time:%Q}\"", "unknown conversion" },
	{ "listeners = (\n{ refusals = {\nno_resources = \"%{stat}\"; }; } );",
	    3, "listeners[0].refusals.no_resources", "\"%{stat}\"",
	    "unknown variable" },
	{ "refusals = {\nbusy_per_source = 5; };", 2,
	    "refusals.busy_per_source", "5 is a whole number", "a string" },
	{ "listeners = (\n{ name = \"\"; } );", 2, "listeners[0].name",
	    "\"\" is 0 bytes long", "1 to 64" },
	{ "listeners = (\n{ name = \"a b\"; } );", 2, "listeners[0].name",
	    "\"a b\"", "without spaces" },
	{ "listeners = (\n{ name = \"a=b\"; } );", 2, "listeners[0].name",
	    "\"a=b\"", "'='" },
	{ "listeners = (\n{ name = \"a\\\"b\"; } );", 2, "listeners[0].name",
	    "\"a\"b\"", "quotes" },
	{ "listeners = (\n{ name = \"\xc3\xa9\"; } );", 2, "listeners[0].name",
	    "\xc3\xa9", "ASCII" },
	{ "listeners = (\n{ name = \"\\x7f\"; } );", 2, "listeners[0].name",
	    "\\x7f", "control byte" },
};

static const char *const texts_good[] = {
	"user = \"a\"; group = \"A_-.9$\";",
	"user = \"01234567890123456789012345678901\";",
	"pid_file = \"\";",
	"pid_file = \"/\";",
	"pid_file = \"/caf\xc3\xa9 x\";",
	"control_socket = \"\";",
	"control_socket = \"/x\";",
	"control_socket = \"/run/...\";",
	"control_socket = \"/" HUNDRED "123456\";",
	"listeners = ( { name = \"a:b/c[d]{e}%f\"; } );",
	"listeners = ( { greeting = \"\"; } );",
	"listeners = ( { greeting = \"\\x01\\xff\xff\x02\"; } );",
	"listeners = ( { greeting = \"a\"\n\"b\"; } );",
	"refusals = { busy = \"\"; rate = \"100%\\x01\\xff%\"; };",
	"listeners = ( { refusals = { denied = \"%{time:%F}%{id}\"; }; } );",
};

static void
test_texts(void **state)
{
	(void)state;
	confs_must_refuse_all(texts_bad, COUNT(texts_bad));
	confs_must_load_all(texts_good, COUNT(texts_good));
}

static void
test_name_length(void **state)
{
	char name[CONF_NAME_MAX + 2], keys[CONF_NAME_MAX + 32];

	(void)state;
	memset(name, 'n', sizeof(name));
	name[CONF_NAME_MAX] = '\0';
	snprintf(keys, sizeof(keys), "name = \"%s\";", name);
	free(confs_must_load(confs_listener(keys)));
	name[CONF_NAME_MAX] = 'n';
	name[CONF_NAME_MAX + 1] = '\0';
	snprintf(keys, sizeof(keys), "name = \"%s\";", name);
	confs_must_refuse(confs_listener(keys), 2, "listeners[0].name", "65 bytes",
	    "expected 1 to 64", NULL);
}

/* So many listeners with greetings of that length. */
static char *
greetings_of(size_t length, unsigned n)
{
	char *text = NULL;
	size_t size, k;
	FILE *out = open_memstream(&text, &size);
	unsigned i;

	assert_non_null(out);
	fputs("listeners = (\n", out);
	for (i = 0; i < n; i++) {
		fprintf(out, "%s{ port = %u; greeting = \"", i > 0 ? ",\n" : "",
		    1000 + i);
		for (k = 0; k < length; k++)
			fputc('g', out);
		fputs("\"; }", out);
	}
	fputs(" );\n", out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_greeting_length(void **state)
{
	char *text = greetings_of(CONF_GREETING_MAX, 1);
	struct conf *conf = confs_must_load(text);

	(void)state;
	assert_int_equal(conf->listener[0].greeting.length, 1 << 20);
	free(conf);
	free(text);
	text = greetings_of(CONF_GREETING_MAX + 1, 1);
	confs_must_refuse(text, 2, "listeners[0].greeting", "1048577 bytes",
	    "expected 0 to 1048576", NULL);
	free(text);
	text = greetings_of(CONF_GREETING_MAX, 4);
	confs_must_refuse(
	    text, 5, "listeners[3].greeting", "too much", "4 MiB", NULL);
	free(text);
}

/* Joining long strings needs mremap(2), as long as malloc maps them: until it
 * has seen a larger block freed.  So this comes first. */
static void
test_greeting_joined(void **state)
{
	enum { PART = 300000 };
	char *text = malloc(3 * PART + 128), *part = malloc(PART + 1);
	struct conf *conf;

	(void)state;
	assert_non_null(text);
	assert_non_null(part);
	memset(part, 'p', PART);
	part[PART] = '\0';
	snprintf(text, 3 * PART + 128,
	    "listeners = ( { greeting = \"%s\"\n\"%s\"\n\"%s\"; } );", part,
	    part, part);
	conf = confs_must_load(text);
	assert_int_equal(conf->listener[0].greeting.length, 3 * PART);
	free(conf);
	free(part);
	free(text);
}

/* Not what a wrong address or port would collide with: one error each. */
static const struct {
	const char *text;
	size_t errors;
} mistakes[] = {
	{ "listeners = ( { }, { port = 0; } );", 1 },
	{ "listeners = ( { port = 0; }, { port = 0; } );", 2 },
	{ "listeners = ( { address = \"x\"; } );", 1 },
	{ "listeners = ( { }, { } );", 1 },
	{ "listeners = ( { }, { }, { } );", 2 },
	{ "a = 1; user = 5; limits = { b = 1; };\n"
	  "listeners = ( { port = 0; }, 7, { }, { } );",
	    6 },
	/* What the pre-check has said. */
	{ "limits = { max_clients = 040000; };", 1 },
	{ "user = \"abc;\n\n\n", 1 },
	{ "limits = { max_clients = 040000; };\nuser = 5;", 2 },
};

static void
test_no_echo(void **state)
{
	struct report report;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(mistakes); i++) {
		assert_null(confs_load(mistakes[i].text, &report));
		if (report.errors != mistakes[i].errors)
			fail_msg(
			    "%s: %zu errors", mistakes[i].text, report.errors);
	}
}

/* So many listeners with so many addresses each. */
static char *
listeners_of(unsigned listeners, unsigned addresses)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned i, k;

	assert_non_null(out);
	fputs("listeners = (", out);
	for (i = 0; i < listeners; i++) {
		fprintf(out, "%s\n{ name = \"n%u\"; address = (",
		    i > 0 ? "," : "", i);
		for (k = 0; k < addresses; k++)
			fprintf(out, "%s \"10.%u.%u.%u\"", k > 0 ? "," : "", i,
			    k / 256, k % 256);
		fputs(" ); }", out);
	}
	fputs(" );\n", out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_counts(void **state)
{
	char *text = listeners_of(CONF_LISTENERS_MAX, 4), *more;
	struct conf *conf = confs_must_load(text);

	(void)state;
	assert_int_equal(conf->n_listeners, 256);
	assert_int_equal(conf->n_addresses, 1024);
	free(conf);
	free(text);
	text = listeners_of(CONF_LISTENERS_MAX + 1, 1);
	confs_must_refuse(text, 1, "listeners", "257 groups", "1 to 256", NULL);
	free(text);
	text = listeners_of(1, 1025);
	confs_must_refuse(text, 2, "listeners[0].address", "\"10.0.4.0\"",
	    "expected at most 1024", NULL);
	free(text);
	/* And one that would have the default. */
	text = listeners_of(1, 1024);
	assert_int_not_equal(asprintf(&more, "%.*s, { port = 1; } );",
				 (int)strlen(text) - 4, text),
	    -1);
	confs_must_refuse(
	    more, 2, "listeners", "too many addresses", "1024", NULL);
	free(more);
	free(text);
	confs_must_refuse(
	    "listeners = ( );", 1, "listeners", "0 groups", "1 to 256", NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_greeting_joined),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_name_length),
		cmocka_unit_test(test_greeting_length),
		cmocka_unit_test(test_no_echo),
		cmocka_unit_test(test_counts),
	};

	return cmocka_run_group_tests_name(
	    "conf_rules", tests, confs_setup, confs_teardown);
}
