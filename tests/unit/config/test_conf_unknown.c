/* Keys that are not there (yet), and what is suggested for them. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "unit/confs.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What interface.md promises for later, until then unknown. */
static const char *const later_top[] = {
	"spawners" };
static const char *const later_listener[] = {
	"refusals.penalty", "stale_greeting",
	"health_sources", "mode", "owner" };

static void
must_be_unknown(const char *name, enum schema_scope scope)
{
	const struct schema_key key = { .name = name };
	char shown[128];

	snprintf(shown, sizeof(shown), "%s%s",
	    scope == SCHEMA_TOP ? "" : "listeners[0].", name);
	confs_must_refuse(confs_assign(&key, scope, "1"),
	    scope == SCHEMA_TOP ? 1 : 2, shown, "unknown key", NULL);
}

static void
test_later(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(later_top); i++)
		must_be_unknown(later_top[i], SCHEMA_TOP);
	for (i = 0; i < COUNT(later_listener); i++)
		must_be_unknown(later_listener[i], SCHEMA_LISTENER);
}

static void
test_allowed_listed(void **state)
{
	(void)state;
	confs_must_refuse("\nxyzzy = 1;", 2, "xyzzy",
	    "unknown key, valid here: user, group, pid_file, "
	    "control_socket, control_group, state_file, sandbox, include, "
	    "listeners, log, limits, timeouts, refusals",
	    NULL);
	confs_must_refuse("log = { xyzzy = 1; };", 1, "log.xyzzy",
	    "unknown key, valid here: target, facility, level, format, timestamps, "
	    "clients", NULL);
	confs_must_refuse("listeners = ( { log = { xyzzy = 1; }; } );", 1,
	    "listeners[0].log.xyzzy", "unknown key, valid here: clients", NULL);
	confs_must_refuse("listeners = ( { xyzzy = 1; } );", 1,
	    "listeners[0].xyzzy",
	    "valid here: name, address, port, v6only, backlog, optional, "
	    "socket_mode, socket_owner, socket_group, greeting, greeting_file, pick, format, content_type, variables, "
	    "line_ending, health_file, max_age, refresh, hold, rules, when, "
	    "log, limits, timeouts, proxy_protocol, refusals",
	    NULL);
	confs_must_refuse("listeners = ( { rules = ( { xyzzy = 1; } ); } );",
	    1, "listeners[0].rules[0].xyzzy",
	    "unknown key, valid here: from, action, greeting", NULL);
	confs_must_refuse("listeners = ( { rules = ( { acton = 1; } ); } );",
	    1, "listeners[0].rules[0].acton", "did you mean action?", NULL);
}

/* A key is in a group or list when its path goes on with a dot or bracket, not
 * when it only begins in the same way. */
static void
test_one_byte_longer(void **state)
{
	static const char *const texts[] = { "listener = ( ); listeners = ( );",
		"listener = [ 1 ]; listeners = ( );",
		"listener = { a = 1; }; listeners = ( );" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		confs_must_refuse(texts[i], 1, "listener",
		    "unknown key, did you mean listeners?", NULL);
}

static const struct {
	const char *name;
	const char *meant;
} near_top[] = {
	{ "max_clients", "limits.max_clients?" },
	{ "maxclients", "limits.max_clients?" },
	{ "limits.max_client", "limits.max_clients?" },
	{ "limits.Max_Clients", "limits.max_clients?" },
	{ "limits.max-clients", "limits.max_clients?" },
	{ "limits.session", "timeouts.session?" },
	{ "log.lvel", "log.level?" },
	{ "log.sandbox", "sandbox?" },
	{ "usr", "user?" },
	{ "pidfile", "pid_file?" },
	{ "listener", "listeners?" },
	{ "limit", "limits = { }?" },
	{ "LOG", "log = { }?" },
	{ "timeout.session", "timeouts = { }?" },
	{ "prot", "port in a listener" },
	{ "greetings", "greeting in a listener" },
};

static const struct {
	const char *name;
	const char *meant;
} near_listener[] = {
	{ "nme", "name?" },
	{ "HOLD", "hold?" },
	{ "prot", "port?" },
	{ "adress", "address?" },
	{ "max_clients", "limits.max_clients?" },
	{ "clients", "log.clients?" },
	{ "line-ending", "line_ending?" },
	{ "usr", "user at the top level?" },
};

static void
must_suggest(const char *name, enum schema_scope scope, const char *meant)
{
	const struct schema_key key = { .name = name };
	char shown[128], said[128];
	const char *dot = strchr(name, '.');

	/* Of a group that is not one the group itself is reported. */
	snprintf(shown, sizeof(shown), "%s%.*s",
	    scope == SCHEMA_TOP ? "" : "listeners[0].",
	    strchr(meant, '{') != NULL && dot != NULL ? (int)(dot - name) : 100,
	    name);
	snprintf(said, sizeof(said), "unknown key, did you mean %s", meant);
	confs_must_refuse(confs_assign(&key, scope, "1"),
	    scope == SCHEMA_TOP ? 1 : 2, shown, said, NULL);
}

static void
test_near(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(near_top); i++)
		must_suggest(near_top[i].name, SCHEMA_TOP, near_top[i].meant);
	for (i = 0; i < COUNT(near_listener); i++)
		must_suggest(near_listener[i].name, SCHEMA_LISTENER,
		    near_listener[i].meant);
}

/* Every key where it may not be: the message says where it may. */
static void
test_other_scope(void **state)
{
	const struct schema_key *key;
	char shown[64];

	(void)state;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		snprintf(shown, sizeof(shown), "listeners[0].%s", key->name);
		if (!schema_has(key, SCHEMA_LISTENER) &&
		    !schema_has(key, SCHEMA_RULE))
			confs_must_refuse(
			    confs_assign(key, SCHEMA_LISTENER, "1"), 2, shown,
			    "not allowed here", "at the top level", NULL);
		/* A group of listeners is unknown as a whole. */
		snprintf(shown, sizeof(shown), "%s", key->name);
		if (strncmp(shown, "when.", 5) == 0 ||
		    strncmp(shown, "proxy_protocol.", 15) == 0)
			*strchr(shown, '.') = '\0';
		if (!schema_has(key, SCHEMA_TOP) &&
		    !schema_has(key, SCHEMA_RULE))
			confs_must_refuse(confs_assign(key, SCHEMA_TOP, "1"), 1,
			    shown, "not allowed here", "in a listener", NULL);
	}
}

/* Names that are longer than anything. */
static void
test_long_names(void **state)
{
	static char text[70000];
	struct report report;

	(void)state;
	memset(text, 'a', sizeof(text));
	snprintf(text + sizeof(text) - 6, 6, "=1;\n");
	assert_null(confs_load(text, &report));
	assert_int_equal(report.errors, 1);
	memcpy(text, "limits={a", 9);
	snprintf(text + sizeof(text) - 9, 9, "=1; };\n");
	assert_null(confs_load(text, &report));
	assert_int_equal(report.errors, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_later),
		cmocka_unit_test(test_allowed_listed),
		cmocka_unit_test(test_one_byte_longer),
		cmocka_unit_test(test_near),
		cmocka_unit_test(test_other_scope),
		cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests_name(
	    "conf_unknown", tests, confs_setup, confs_teardown);
}
