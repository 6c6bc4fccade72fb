/* A configuration that an enemy has written, field by field:
 * master/config/recheck.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/confs.h"
#include "master/config/recheck.h"

static struct conf *good;
static size_t good_bytes;

static int
setup(void **state)
{
	if (confs_setup(state) == -1)
		return -1;
	good = confs_must_load(
	    "user = \"u\"; pid_file = \"/p\";\n"
	    "limits = { exempt = [ \"10.0.0.0/8\", \"::1\" ]; };\n"
	    "listeners = ( { name = \"first\"; port = 1;\n"
	    "rules = ( { from = \"192.0.2.0/24\"; action = \"deny\"; },\n"
	    "{ from = [ \"2001:db8::/32\", \"any\" ]; action = \"allow\";\n"
	    "greeting = \"own\"; } );\n"
	    "address = ( \"10.0.0.1\", \"fe80::1%eth0\" ); },\n"
	    "{ address = \"::\"; greeting_file = \"/etc/motd\"; },\n"
	    "{ port = 3; greeting = \"g\\x01\\xff\"; hold = true; } );\n");
	good_bytes = sizeof(*good) + good->text_length;
	return 0;
}

static int
teardown(void **state)
{
	free(good);
	return confs_teardown(state);
}

/* As long as it says, so that a sanitizer sees any step beyond. */
static struct conf *
copy_of_good(void)
{
	struct conf *conf = malloc(good_bytes);

	assert_non_null(conf);
	memcpy(conf, good, good_bytes);
	return conf;
}

/* Uses all of an accepted configuration. */
static void
use(const struct conf *conf)
{
	static char *dump;

	free(dump);
	dump = confs_dump(conf);
	assert_non_null(strstr(dump, "listeners = ("));
}

static struct report report;

/* True when refused, with an error in report to say so. */
static bool
is_refused(const struct conf *conf, size_t bytes)
{
	bool refused;

	memset(&report, 0, sizeof(report));
	refused = conf_recheck(conf, bytes, "x", &report) == -1;
	assert_true(refused == (report.errors > 0));
	if (!refused)
		use(conf);
	return refused;
}

/* Checks conf, which is to be refused for that, and frees it. */
static void
must_refuse(struct conf *conf, size_t bytes, const char *wrong)
{
	char said[128];

	snprintf(
	    said, sizeof(said), "x: the parser's answer is broken: %s", wrong);
	if (!is_refused(conf, bytes))
		fail_msg("accepted: %s", wrong);
	if (strcmp(report.lines[0].text, said) != 0)
		fail_msg("%s, not %s", report.lines[0].text, wrong);
	free(conf);
}

static void
test_good(void **state)
{
	struct conf *conf = copy_of_good();

	(void)state;
	assert_false(is_refused(conf, good_bytes));
	free(conf);
}

static void
test_size(void **state)
{
	size_t sizes[] = { sizeof(*good), good_bytes - 1, good_bytes + 1,
		SIZE_MAX };
	struct conf *conf;
	size_t i;

	(void)state;
	must_refuse(copy_of_good(), 0, "size");
	must_refuse(copy_of_good(), 1, "size");
	must_refuse(copy_of_good(), sizeof(*good) - 1, "size");
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		must_refuse(copy_of_good(), sizes[i], "text_length");
	conf = realloc(copy_of_good(), sizeof(*conf) + CONF_TEXT_MAX + 1);
	assert_non_null(conf);
	conf->text_length = CONF_TEXT_MAX + 1;
	must_refuse(conf, sizeof(*conf) + CONF_TEXT_MAX + 1, "text_length");
}

/* Sets a field of a copy of the good one, which must be refused for that. */
#define BREAK(field, value, wrong)                    \
	do {                                          \
		struct conf *conf = copy_of_good();   \
		conf->field = (value);                \
		must_refuse(conf, good_bytes, wrong); \
	} while (0)

static void
test_counts(void **state)
{
	(void)state;
	BREAK(n_listeners, 0, "n_listeners");
	BREAK(n_listeners, 2, "n_addresses");
	BREAK(n_listeners, 4, "first_address");
	BREAK(n_listeners, CONF_LISTENERS_MAX + 1, "n_listeners");
	BREAK(n_listeners, UINT32_MAX, "n_listeners");
	BREAK(n_addresses, 0, "n_addresses");
	BREAK(n_addresses, 3, "first_address");
	BREAK(n_addresses, 5, "n_addresses");
	BREAK(n_addresses, CONF_ADDRESSES_MAX + 1, "n_addresses");
	BREAK(n_addresses, UINT32_MAX, "n_addresses");
	BREAK(text_length, 0, "text_length");
	BREAK(text_length, good->text_length - 1, "text_length");
	BREAK(text_length, good->text_length + 1, "text_length");
	BREAK(text_length, UINT32_MAX, "text_length");
	BREAK(listener[0].first_address, 1, "first_address");
	BREAK(listener[0].n_addresses, 0, "first_address");
	BREAK(listener[0].n_addresses, 1, "first_address");
	BREAK(listener[0].n_addresses, 3, "address");
	BREAK(listener[0].n_addresses, UINT32_MAX, "first_address");
	BREAK(listener[1].first_address, 0, "first_address");
	BREAK(listener[1].first_address, UINT32_MAX, "first_address");
	BREAK(listener[2].first_address, 4, "first_address");
}

static void
test_fields(void **state)
{
	(void)state;
	BREAK(given, UINT64_MAX, "given_line");
	BREAK(given, good->given | UINT64_C(1) << 63, "given_line");
	BREAK(given, 0, "given_line");
	BREAK(given_line[0], 0, "given_line");
	BREAK(given_line[0], CONF_FILE_MAX + 2, "given_line");
	BREAK(given_line[63], 1, "given_line");
	BREAK(listener[0].line, UINT32_MAX, "line");
	BREAK(listener[0].greeting_file_line, 1, "greeting_file_line");
	BREAK(listener[1].greeting_file_line, 0, "greeting_file_line");
	BREAK(listener[1].greeting_file_line, UINT32_MAX, "line");
	BREAK(listener[1].greeting, good->listener[0].greeting,
	    "greeting and greeting_file");
	BREAK(listener[0].greeting_file, good->listener[1].greeting_file,
	    "greeting_file_line");
	BREAK(listener[0].log.target, 1, "log or timeouts");
	BREAK(listener[0].log.level, 3, "log or timeouts");
	BREAK(listener[0].log.facility, 0, "log or timeouts");
	BREAK(listener[0].timeouts.shutdown_ms, 1, "log or timeouts");
	BREAK(listener[0].port, 2, "address");
}

/* Two fields that only together look right. */
static void
test_pairs(void **state)
{
	struct conf *conf = copy_of_good();

	(void)state;
	conf->given |= UINT64_C(1) << 63;
	conf->given_line[63] = 1;
	must_refuse(conf, good_bytes, "given");
	conf = copy_of_good();
	conf->given |= UINT64_C(1) << (schema_find("port") - schema_keys);
	conf->given_line[schema_find("port") - schema_keys] = 1;
	must_refuse(conf, good_bytes, "given");
	conf = copy_of_good();
	conf->n_addresses = 3;
	conf->listener[2].n_addresses = 0;
	must_refuse(conf, good_bytes, "first_address");
	conf = copy_of_good();
	conf->n_addresses = CONF_ADDRESSES_MAX + 1;
	conf->listener[2].n_addresses = CONF_ADDRESSES_MAX - 2;
	must_refuse(conf, good_bytes, "n_addresses");
	conf = copy_of_good();
	conf->limits.burst = 7; /* which no listener can be without */
	must_refuse(conf, good_bytes, "limits.burst");
	conf = copy_of_good();
	conf->limits.burst_per_source =
	    conf->listener[0].limits.burst_per_source =
		conf->listener[1].limits.burst_per_source = 7;
	must_refuse(conf, good_bytes, "limits.burst_per_source");
	conf = copy_of_good();
	conf->listener[0].limits.burst = 7; /* the other way around it can */
	assert_false(is_refused(conf, good_bytes));
	free(conf);
	conf = copy_of_good();
	conf->listener[0].name = conf->listener[2].name;
	assert_true(is_refused(conf, good_bytes));
	assert_non_null(
	    strstr(report.lines[0].text, "is the name of listeners[0] too"));
	free(conf);
}

static void
test_addresses(void **state)
{
	(void)state;
	BREAK(address[0].addr.family, 0, "address");
	BREAK(address[0].addr.family, 1, "address");
	BREAK(address[0].addr.family, 255, "address");
	BREAK(address[0].addr.bytes[0], 224, "address");
	BREAK(address[0].addr.bytes[4], 1, "address");
	BREAK(address[0].addr.bytes[15], 1, "address");
	BREAK(address[0].addr.port, 0, "address");
	BREAK(address[0].addr.port, 2, "address");
	BREAK(address[0].addr.scope, 1, "address");
	BREAK(address[0].scope[0], 'x', "address");
	BREAK(address[0].line, UINT32_MAX, "address");
	BREAK(address[1].scope[0], 0, "address");
	BREAK(address[1].scope[0], ' ', "address");
	BREAK(address[1].scope[0], '/', "address");
	BREAK(address[1].addr.bytes[0], 0xff, "address");
	BREAK(address[2], good->address[1], "address");
}

static void
test_address_conflict(void **state)
{
	struct conf *conf = copy_of_good();

	(void)state;
	conf->address[2] = conf->address[0];
	conf->address[2].addr.port = 4444;
	conf->address[3] = conf->address[0];
	conf->address[3].addr.port = 3;
	assert_false(is_refused(conf, good_bytes));
	conf->listener[2].port = 4444;
	conf->address[3].addr.port = 4444;
	assert_true(is_refused(conf, good_bytes));
	assert_non_null(strstr(report.lines[0].text, "cannot be bound"));
	free(conf);
}

static void
test_rules(void **state)
{
	(void)state;
	BREAK(n_rules, 1, "first_rule");
	BREAK(n_rules, 3, "n_rules");
	BREAK(n_rules, CONF_RULES_MAX + 1, "n_rules");
	BREAK(n_rules, UINT32_MAX, "n_rules");
	BREAK(n_nets, 4, "rules.from");
	BREAK(n_nets, 6, "n_nets");
	BREAK(n_nets, CONF_NETS_MAX + 1, "n_nets");
	BREAK(n_nets, UINT32_MAX, "n_nets");
	BREAK(exempt.first, 1, "limits.exempt");
	BREAK(exempt.n, UINT32_MAX, "limits.exempt");
	BREAK(exempt.n, 1, "rules.from");
	BREAK(listener[0].first_rule, 1, "first_rule");
	BREAK(listener[0].n_rules, 3, "first_rule");
	BREAK(listener[0].n_rules, 1, "first_rule");
	BREAK(listener[0].n_rules, UINT32_MAX, "first_rule");
	BREAK(listener[2].first_rule, UINT32_MAX, "first_rule");
	BREAK(rule[0].from.first, 1, "rules.from");
	BREAK(rule[0].from.n, 0, "rules.from");
	BREAK(rule[0].from.n, UINT32_MAX, "rules.from");
	BREAK(rule[1].from.n, 1, "n_nets");
	BREAK(rule[0].line, UINT32_MAX, "rules line");
	BREAK(rule[1].greeting_line, UINT32_MAX, "rules line");
	BREAK(rule[1].greeting_line, 0, "rules.greeting");
	BREAK(rule[0].action, 2, "rules.action");
	BREAK(rule[1].greeting.length, UINT32_MAX, "rules.greeting");
	BREAK(rule[1].greeting.offset, UINT32_MAX, "rules.greeting");
}

/* Counts that agree, but are too many for one listener. */
static void
test_too_many_rules(void **state)
{
	struct conf *conf = copy_of_good();

	(void)state;
	conf->n_rules = CONF_LISTENER_RULES_MAX + 1;
	conf->listener[0].n_rules = CONF_LISTENER_RULES_MAX + 1;
	must_refuse(conf, good_bytes, "first_rule");
}

static void
test_nets(void **state)
{
	(void)state;
	BREAK(net[0].addr.family, AF_UNSPEC, "limits.exempt"); /* any */
	BREAK(net[0].addr.family, 77, "limits.exempt");
	BREAK(net[0].prefix, 33, "limits.exempt");
	BREAK(net[0].prefix, UINT32_MAX, "limits.exempt");
	BREAK(net[0].prefix, 6, "limits.exempt");
	BREAK(net[0].line, UINT32_MAX, "limits.exempt");
	BREAK(net[1].prefix, 129, "limits.exempt");
	BREAK(net[2].addr.bytes[3], 1, "rules.from");
	BREAK(net[2].addr.bytes[4], 1, "rules.from");
	BREAK(net[2].addr.bytes[15], 1, "rules.from");
	BREAK(net[3].addr.port, 1, "rules.from");
	BREAK(net[3].addr.scope, 1, "rules.from");
	BREAK(net[4].prefix, 1, "rules.from");
	BREAK(net[4].addr.bytes[0], 1, "rules.from");
}

static void *
base_of(struct conf *conf, enum schema_scope scope)
{
	return scope == SCHEMA_TOP ? (void *)conf : &conf->listener[2];
}

static void
break_number(const struct schema_key *key, enum schema_scope scope)
{
	int64_t bad[] = { key->min - 1, key->max + 1, INT64_MIN, INT64_MAX, -1,
		(int64_t)1 << 32 };
	struct conf *conf;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (schema_allows(key, bad[i]) || bad[i] == key->number)
			continue;
		conf = copy_of_good();
		schema_set_number(key, scope, base_of(conf, scope), bad[i]);
		must_refuse(conf, good_bytes, key->name);
	}
}

static void
break_text(const struct schema_key *key, enum schema_scope scope)
{
	struct conf_text place = schema_text(key, scope, base_of(good, scope));
	const struct conf_text bad[] = {
		{ good->text_length, 0 }, { UINT32_MAX, 0 }, { UINT32_MAX, 1 },
		{ 1, UINT32_MAX }, { 0, UINT32_MAX }, { 0, good->text_length },
		{ good->text_length - 1, 1 },
		{ place.offset, place.length + 1 }, /* a NUL in it */
		{ place.offset, place.length - 1 }, /* no NUL behind it */
	};
	struct conf *conf;
	size_t i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		conf = copy_of_good();
		schema_set_text(key, scope, base_of(conf, scope), bad[i]);
		must_refuse(conf, good_bytes, key->name);
	}
}

static void
test_keys(void **state)
{
	const struct schema_key *key;
	enum schema_scope scope;

	(void)state;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++)
		for (scope = SCHEMA_TOP; scope <= SCHEMA_LISTENER; scope++) {
			if (schema_has(key, scope) && schema_is_number(key))
				break_number(key, scope);
			if (schema_has(key, scope) && schema_is_text(key))
				break_text(key, scope);
		}
}

/* What a text may not be, in the place of one that may. */
static void
test_text_content(void **state)
{
	struct conf *conf = copy_of_good();

	(void)state;
	conf->text[conf->listener[0].name.offset] = '"';
	must_refuse(conf, good_bytes, "name");
	conf = copy_of_good();
	conf->text[conf->user.offset] = '/';
	must_refuse(conf, good_bytes, "user");
	conf = copy_of_good();
	conf->text[conf->pid_file.offset] = 'p';
	must_refuse(conf, good_bytes, "pid_file");
	conf = copy_of_good();
	conf->text[conf->listener[1].greeting_file.offset + 1] = '\n';
	must_refuse(conf, good_bytes, "greeting_file");
	/* The last text, without its NUL; one stands behind all. */
	conf = realloc(copy_of_good(), good_bytes + 1);
	assert_non_null(conf);
	conf->text[conf->text_length - 1] = 'x';
	conf->text[conf->text_length] = '\0';
	conf->listener[2].name.length++;
	must_refuse(conf, good_bytes, "name");
	conf = copy_of_good();
	conf->listener[0].name.length = 0;
	conf->listener[0].name.offset = conf->text_length - 1;
	must_refuse(conf, good_bytes, "name");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_pairs),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_address_conflict),
		cmocka_unit_test(test_rules),
		cmocka_unit_test(test_too_many_rules),
		cmocka_unit_test(test_nets),
		cmocka_unit_test(test_keys),
		cmocka_unit_test(test_text_content),
	};

	return cmocka_run_group_tests_name("recheck", tests, setup, teardown);
}
