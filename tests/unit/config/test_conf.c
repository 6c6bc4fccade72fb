/* The configuration's keys, one by one: master/config/settings.c and the schema. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "unit/confs.h"
#include "master/config/load.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* Walks the keys in each scope that they are allowed in. */
#define FOR_EACH_KEY(key, scope)                                               \
	for ((scope) = SCHEMA_TOP; (scope) <= SCHEMA_LISTENER; (scope)++)      \
		for ((key) = schema_keys; (key) < schema_keys + schema_n_keys; \
		     (key)++)                                                  \
			if (schema_has(key, scope))

static const void *
base_of(const struct conf *conf, enum schema_scope scope)
{
	return scope == SCHEMA_TOP ? (const void *)conf : &conf->listener[0];
}

/* "KEY" or "listeners[0].KEY", and the line that confs_assign() puts it in. */
static const char *
name_of(const struct schema_key *key, enum schema_scope scope)
{
	static char name[64];

	snprintf(name, sizeof(name), "%s%s",
	    scope == SCHEMA_TOP ? "" : "listeners[0].", key->name);
	return name;
}

static unsigned
line_of(enum schema_scope scope)
{
	return scope == SCHEMA_TOP ? 1 : 2;
}

static void
must_store(const struct schema_key *key, enum schema_scope scope,
    const char *written, int64_t stored)
{
	struct conf *conf = confs_must_load(confs_assign(key, scope, written));

	assert_int_equal(
	    schema_number(key, scope, base_of(conf, scope)), stored);
	free(conf);
}

static void
must_refuse(const struct schema_key *key, enum schema_scope scope,
    const char *written, const char *why)
{
	char allowed[SCHEMA_TEXT_MAX];

	confs_must_refuse(confs_assign(key, scope, written), line_of(scope),
	    name_of(key, scope), why, schema_describe(key, allowed), NULL);
}

static void
test_empty(void **state)
{
	const char *const texts[] = { "", "\n", "# nothing\n", "/* */" };
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		conf = confs_must_load(texts[i]);
		assert_false(schema_given(conf, "user"));
		assert_int_equal(conf->n_listeners, 1);
		assert_int_equal(conf->listener[0].line, 0);
		assert_string_equal(
		    conf_text(conf, conf->listener[0].name), "127.0.0.1:4444");
		free(conf);
	}
}

/* The figures of interface.md, which the schema has from there. */
static void
test_defaults(void **state)
{
	struct conf *conf = confs_must_load("");
	const struct conf_listener *listener = &conf->listener[0];

	(void)state;
	assert_string_equal(conf_text(conf, conf->user), "forkgreet");
	assert_string_equal(conf_text(conf, conf->group), "forkgreet");
	assert_string_equal(
	    conf_text(conf, conf->pid_file), "/run/forkgreet.pid");
	assert_string_equal(conf_text(conf, conf->control_socket),
	    "/run/forkgreet/control");
	assert_int_equal(conf->log.target, CONF_LOG_SYSLOG);
	assert_int_equal(conf->log.facility, LOG_DAEMON);
	assert_int_equal(conf->log.level, LOG_INFO);
	assert_int_equal(listener->log.clients, CONF_CLIENTS_ALL);
	assert_int_equal(conf->limits.max_clients, 512);
	assert_int_equal(listener->limits.when_full, CONF_FULL_QUEUE);
	assert_int_equal(listener->timeouts.session_ms, 30000);
	assert_int_equal(listener->timeouts.send_ms, 10000);
	assert_int_equal(listener->timeouts.linger_ms, 2000);
	assert_int_equal(conf->timeouts.shutdown_ms, 5000);
	assert_int_equal(listener->timeouts.cpu_s, 2);
	assert_int_equal(conf->sandbox, CONF_SANDBOX_REQUIRED);
	assert_int_equal(listener->n_addresses, 1);
	assert_int_equal(conf->address[0].addr.family, AF_INET);
	assert_int_equal(conf->address[0].addr.port, 4444);
	assert_int_equal(listener->port, 4444);
	assert_int_equal(listener->v6only, 1);
	assert_int_equal(listener->backlog, 511);
	assert_int_equal(listener->optional, 0);
	assert_string_equal(conf_text(conf, listener->greeting), "hi client\n");
	assert_int_equal(listener->greeting_file.length, 0);
	assert_int_equal(listener->line_ending, CONF_ENDING_ASIS);
	assert_int_equal(listener->hold, 0);
	free(conf);
}

static void
test_default_of_user(void **state)
{
	struct report report = { 0 };
	struct conf *conf = load_wait(confs_reader(),
	    confs_write("test.conf", "", 0), false, &report);

	(void)state;
	assert_non_null(conf);
	assert_string_equal(conf_text(conf, conf->pid_file), "");
	assert_string_equal(conf_text(conf, conf->control_socket), "");
	assert_string_equal(conf_text(conf, conf->user), "forkgreet");
	free(conf);
}

/* Both ends of each range, and one behind them. */
static void
test_ranges(void **state)
{
	char text[SCHEMA_TEXT_MAX];
	const struct schema_key *key;
	enum schema_scope scope;

	(void)state;
	FOR_EACH_KEY(key, scope)
	{
		if (key->type != SCHEMA_INTEGER &&
		    key->type != SCHEMA_SECONDS && key->type != SCHEMA_RATE)
			continue;
		must_store(
		    key, scope, schema_format(key, key->min, text), key->min);
		must_store(
		    key, scope, schema_format(key, key->max, text), key->max);
		if (key->min > 0)
			must_refuse(key, scope,
			    schema_format(key, key->min - 1, text),
			    "out of range");
		must_refuse(key, scope, schema_format(key, key->max + 1, text),
		    "out of range");
		must_refuse(key, scope, "-1", "-1 is out of range");
	}
}

static void
test_seconds(void **state)
{
	const struct schema_key *key = schema_find("timeouts.session");
	char long_number[410];

	(void)state;
	must_store(key, SCHEMA_TOP, "2.5", 2500);
	must_store(key, SCHEMA_TOP, "30", 30000);
	must_store(key, SCHEMA_TOP, "30.0", 30000);
	must_store(key, SCHEMA_TOP, "0.1", 100);
	must_store(key, SCHEMA_TOP, "0.123", 123);
	must_store(key, SCHEMA_TOP, "86399.999", 86399999);
	must_refuse(key, SCHEMA_TOP, "2.0005", "2.0005 has more than 3");
	must_refuse(key, SCHEMA_TOP, "86400.001", "86400.001 is out of range");
	must_refuse(key, SCHEMA_TOP, "100000000000000000000000.0",
	    "1e+23 is out of range");
	snprintf(long_number, sizeof(long_number), "1%0400d.0", 0);
	must_refuse(key, SCHEMA_TOP, long_number, "inf is out of range");
	must_refuse(key, SCHEMA_TOP, "-0.5", "-0.5 is out of range");
	key = schema_find("timeouts.cpu");
	must_refuse(key, SCHEMA_TOP, "2.5", "2.5 is a number with decimals");
}

static void
test_choices(void **state)
{
	const struct schema_choice *choice;
	const struct schema_key *key;
	char text[SCHEMA_TEXT_MAX];
	enum schema_scope scope;

	(void)state;
	FOR_EACH_KEY(key, scope)
	{
		if (key->type == SCHEMA_BOOL) {
			must_store(key, scope, "true", 1);
			must_store(key, scope, "false", 0);
			must_refuse(key, scope, "1", "1 is a whole number");
		}
		if (key->type != SCHEMA_CHOICE)
			continue;
		for (choice = key->choices; choice->word != NULL; choice++)
			must_store(key, scope,
			    schema_format(key, choice->number, text),
			    choice->number);
		must_refuse(key, scope, "\"Bad\"", "\"Bad\" is not known");
		must_refuse(key, scope, "\"\"", "\"\" is not known");
		must_refuse(key, scope, "true", "true is a boolean");
	}
}

static const struct {
	const char *value;
	const char *shown;
	unsigned types; /* bits of enum schema_type that take it */
} values[] = {
	{ "7", "7 is a whole number",
	    1u << SCHEMA_INTEGER | 1u << SCHEMA_SECONDS |
		1u << SCHEMA_RATE },
	{ "7.5", "7.5 is a number with decimals", 1u << SCHEMA_SECONDS |
		1u << SCHEMA_RATE },
	{ "true", "true is a boolean", 1u << SCHEMA_BOOL },
	{ "\"x\"", "\"x\" is a string",
	    1u << SCHEMA_CHOICE | 1u << SCHEMA_STRING | 1u << SCHEMA_GREETING |
		1u << SCHEMA_ADDRESSES | 1u << SCHEMA_NETS },
	{ "{ }", "this is a group", 0 },
	{ "( 7 )", "this is a list",
	    1u << SCHEMA_ADDRESSES | 1u << SCHEMA_LISTENERS |
		1u << SCHEMA_NETS | 1u << SCHEMA_RULES },
	{ "[ 7 ]", "this is an array",
	    1u << SCHEMA_ADDRESSES | 1u << SCHEMA_NETS },
};

static void
test_types(void **state)
{
	const struct schema_key *key;
	enum schema_scope scope;
	size_t i;

	(void)state;
	FOR_EACH_KEY(key, scope)
	for (i = 0; i < COUNT(values); i++)
		if ((values[i].types >> key->type & 1) == 0)
			must_refuse(
			    key, scope, values[i].value, values[i].shown);
	confs_must_refuse("log = 5;", 1, "log", "5 is a whole number",
	    "a group, as in log = { };", NULL);
	confs_must_refuse("listeners = ( { limits = \"x\"; } );", 1,
	    "listeners[0].limits", "\"x\" is a string", "a group", NULL);
	confs_must_refuse("listeners = ( 5, { } );", 1, "listeners[0]",
	    "5 is a whole number", "a group", NULL);
}

static void
test_twice(void **state)
{
	const struct schema_key *key;
	const char *name;
	char text[256];

	(void)state;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		name = strrchr(key->name, '.');
		name = name != NULL ? name + 1 : key->name;
		snprintf(
		    text, sizeof(text), "%s = 1;\n\n%s = 2;\n", name, name);
		confs_must_refuse(text, 3, name, "duplicate", "line 1", NULL);
	}
	confs_must_refuse(
	    "log = {\n};\nlog = { };", 3, "log", "duplicate", NULL);
	confs_must_refuse("listeners = ( { port = 1; }, { port = 2;\n"
			  "hold = true; port = 3; } );",
	    2, "listeners[1].port", "duplicate", "line 1", NULL);
}

static void
test_inheritance(void **state)
{
	struct conf *conf = confs_must_load(
	    "listeners = ( { },\n"
	    "{ port = 1; limits = { max_clients = 3; };\n"
	    "log = { clients = \"none\"; }; timeouts = { cpu = 9; }; } );\n"
	    "limits = { max_clients = 7; when_full = \"refuse\"; };\n"
	    "timeouts = { session = 5; cpu = 8; shutdown = 1; };\n"
	    "log = { clients = \"errors\"; level = \"debug\"; };\n");
	const struct conf_listener *listener = conf->listener;

	(void)state;
	assert_int_equal(conf->limits.max_clients, 7);
	assert_int_equal(listener[0].limits.max_clients, 7);
	assert_int_equal(listener[1].limits.max_clients, 3);
	assert_int_equal(listener[0].limits.when_full, CONF_FULL_REFUSE);
	assert_int_equal(listener[1].limits.when_full, CONF_FULL_REFUSE);
	assert_int_equal(listener[0].timeouts.cpu_s, 8);
	assert_int_equal(listener[1].timeouts.cpu_s, 9);
	assert_int_equal(listener[1].timeouts.session_ms, 5000);
	assert_int_equal(listener[1].timeouts.shutdown_ms, 1000);
	assert_int_equal(listener[0].log.clients, CONF_CLIENTS_ERRORS);
	assert_int_equal(listener[1].log.clients, CONF_CLIENTS_NONE);
	assert_int_equal(listener[1].log.level, LOG_DEBUG);
	free(conf);
}

static void
test_given(void **state)
{
	struct conf *conf = confs_must_load(
	    "\nuser = \"x\";\n"
	    "log = {\n target = \"syslog\"; };\nlisteners = ( { } );\n");
	const struct schema_key *key;
	size_t i;

	(void)state;
	for (i = 0; i < schema_n_keys; i++) {
		key = &schema_keys[i];
		assert_int_equal(schema_given(conf, key->name),
		    strcmp(key->name, "user") == 0 ||
			strcmp(key->name, "log.target") == 0 ||
			strcmp(key->name, "listeners") == 0);
	}
	assert_int_equal(
	    conf->given_line[schema_find("user") - schema_keys], 2);
	assert_int_equal(
	    conf->given_line[schema_find("log.target") - schema_keys], 4);
	assert_false(schema_given(conf, "no_such_key"));
	free(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_default_of_user),
		cmocka_unit_test(test_ranges),
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_choices),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_inheritance),
		cmocka_unit_test(test_given),
	};

	return cmocka_run_group_tests_name(
	    "conf", tests, confs_setup, confs_teardown);
}
