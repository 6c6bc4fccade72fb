/* Limits by source, networks and rules: master/config/network.c, value.c, doubt.c. */
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
#include "master/config/network.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* "listeners = ( {\nrules = ( RULES ); } );": they stand in line 2. */
static const char *
with_rules(const char *rules)
{
	static char text[1024];

	snprintf(text, sizeof(text), "listeners = ( {\nrules = ( %s ); } );\n",
	    rules);
	return text;
}

/* ------------------------------------------------------------------- networks */

static const struct {
	const char *text;
	const char *why;
} nets_bad[] = {
	{ "", "is not a network" },
	{ "localhost", "is not a network" },
	{ "*", "is not a network" },
	{ "10.0.0", "is not a network" },
	{ "10.0.0.0/", "prefix length, expected 0 to 32" },
	{ "10.0.0.0/33", "prefix length, expected 0 to 32" },
	{ "10.0.0.0/-1", "prefix length" },
	{ "10.0.0.0/08", "prefix length" },
	{ "10.0.0.0/255.0.0.0", "prefix length" },
	{ "10.0.0.0/8/8", "prefix length" },
	{ "2001:db8::/129", "prefix length, expected 0 to 128" },
	{ "10.0.0.1/8", "has bits set after its prefix" },
	{ "10.128.0.0/8", "has bits set after its prefix" },
	{ "128.0.0.0/0", "has bits set after its prefix" },
	{ "10.0.0.1/31", "has bits set after its prefix" },
	{ "2001:db8::1/64", "has bits set after its prefix" },
	{ "8000::/0", "has bits set after its prefix" },
	{ "::ffff:10.0.0.0/104", "IPv4-mapped" },
	{ "::ffff:10.0.0.1", "IPv4-mapped" },
	{ "fe80::1%eth0", "has a scope" },
	{ "[::1]", "is not a network" },
	{ "any/0", "is not a network" },
};

/* Each, and what it is written as; NULL: the same. */
static const struct {
	const char *text;
	const char *written;
} nets_good[] = {
	{ "0.0.0.0/0", NULL },
	{ "128.0.0.0/1", NULL },
	{ "10.0.0.0/8", NULL },
	{ "192.0.2.254/31", NULL },
	{ "192.0.2.7", NULL },
	{ "192.0.2.7/32", "192.0.2.7" },
	{ "::/0", NULL },
	{ "2001:DB8:0::/32", "2001:db8::/32" },
	{ "2001:db8::fe/127", NULL },
	{ "::1/128", "::1" },
	{ "::/95", NULL },
};

static void
test_net_texts(void **state)
{
	char text[NETWORK_TEXT_MAX];
	struct conf_net net;
	const char *want;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(nets_bad); i++) {
		want = network_parse(nets_bad[i].text, true, &net);
		if (want == NULL || strstr(want, nets_bad[i].why) == NULL)
			fail_msg("%s: %s", nets_bad[i].text, want);
	}
	for (i = 0; i < COUNT(nets_good); i++) {
		assert_null(network_parse(nets_good[i].text, false, &net));
		want = nets_good[i].written;
		assert_string_equal(network_format(&net, text),
		    want != NULL ? want : nets_good[i].text);
	}
	assert_null(network_parse("any", true, &net));
	assert_string_equal(network_format(&net, text), "any");
	assert_non_null(network_parse("any", false, &net));
}

static bool
has(const char *text, const char *address)
{
	struct conf_net net;
	struct addr addr;

	assert_null(network_parse(text, true, &net));
	assert_int_equal(addr_parse(&addr, address), 0);
	addr.port = 7;
	addr.scope = 3;
	return network_has(&net, &addr);
}

static void
test_net_has(void **state)
{
	(void)state;
	assert_true(has("any", "::1"));
	assert_true(has("any", "1.2.3.4"));
	assert_true(has("0.0.0.0/0", "255.1.2.3"));
	assert_false(has("0.0.0.0/0", "::1"));
	assert_false(has("::/0", "1.2.3.4"));
	assert_true(has("::/0", "ffff::1"));
	assert_true(has("192.0.2.128/25", "192.0.2.255"));
	assert_false(has("192.0.2.128/25", "192.0.2.127"));
	assert_false(has("192.0.2.128/25", "192.0.3.128"));
	assert_true(has("192.0.2.7", "192.0.2.7"));
	assert_false(has("192.0.2.7", "192.0.2.6"));
	assert_true(has("2001:db8::/33", "2001:db8:7fff::"));
	assert_false(has("2001:db8::/33", "2001:db8:8000::"));
	assert_false(has("::1", "::"));
}

static bool
covers(const char *outer, const char *inner)
{
	struct conf_net a, b;

	assert_null(network_parse(outer, true, &a));
	assert_null(network_parse(inner, true, &b));
	return network_covers(&a, &b);
}

static void
test_net_covers(void **state)
{
	(void)state;
	assert_true(covers("any", "any"));
	assert_true(covers("any", "0.0.0.0/0"));
	assert_false(covers("0.0.0.0/0", "any"));
	assert_false(covers("::/0", "0.0.0.0/0"));
	assert_true(covers("10.0.0.0/8", "10.0.0.0/8"));
	assert_true(covers("10.0.0.0/8", "10.255.0.0/16"));
	assert_false(covers("10.255.0.0/16", "10.0.0.0/8"));
	assert_false(covers("10.0.0.0/16", "10.0.0.0/8"));
	assert_false(covers("10.0.0.0/8", "11.0.0.0/16"));
}

/* ------------------------------------------------------------------ bad values */

static const struct {
	const char *text;
	unsigned line;
	const char *key;
	const char *value;
	const char *why;
} bad[] = {
	{ "limits = {\nmax_clients_per_source = 30001; };", 2,
	    "limits.max_clients_per_source", "30001 is out of range",
	    "0 to 30000" },
	{ "limits = {\nburst = 0; };", 2, "limits.burst", "0 is out of range",
	    "1 to 100000 clients" },
	{ "limits = {\nburst_per_source = 0; };", 2, "limits.burst_per_source",
	    "0 is out of range", "1 to 100000" },
	{ "limits = {\nburst = 1.5; };", 2, "limits.burst", "1.5",
	    "a whole number" },
	{ "limits = {\nrate = 100000.001; };", 2, "limits.rate",
	    "out of range", "0 to 100000 clients a second" },
	{ "limits = {\nrate = 0.0001; };", 2, "limits.rate", "3 decimals",
	    "0 to 100000" },
	{ "limits = {\nrate = \"5/s\"; };", 2, "limits.rate", "\"5/s\"",
	    "clients a second" },
	{ "limits = {\nipv4_prefix = 33; };", 2, "limits.ipv4_prefix", "33",
	    "1 to 32 bits" },
	{ "limits = {\nipv6_prefix = 0; };", 2, "limits.ipv6_prefix", "0",
	    "1 to 128 bits" },
	{ "limits = {\nexempt = [ \"10.0.0.0/8\",\n\"10.0.0.1/8\" ]; };", 3,
	    "limits.exempt", "\"10.0.0.1/8\"", "bits set" },
	{ "limits = {\nexempt = \"any\"; };", 2, "limits.exempt", "\"any\"",
	    "is not a network" },
	{ "limits = {\nexempt = 5; };", 2, "limits.exempt", "5 is a whole",
	    "192.0.2.0/24" },
	{ "limits = {\nexempt = ( \"::1\", 5 ); };", 2, "limits.exempt",
	    "5 is a whole", "a string" },
	{ "listeners = ( { limits = {\nexempt = \"::1\"; }; } );", 2,
	    "listeners[0].limits.exempt", "not allowed here",
	    "at the top level" },
	{ "listeners = ( {\nrules = { }; } );", 2, "listeners[0].rules",
	    "this is a group", "a list of groups" },
	{ "listeners = ( {\nrules = ( 7 ); } );", 2, "listeners[0].rules",
	    "7 is a whole number", "a group" },
	{ "listeners = ( {\nproxy_protocol = { }; } );", 2,
	    "listeners[0].proxy_protocol.trusted", "missing", "networks" },
	{ "listeners = ( {\nproxy_protocol = { version = \"v1\"; }; } );", 2,
	    "listeners[0].proxy_protocol.trusted", "missing", "networks" },
	{ "listeners = ( { proxy_protocol = {\ntrusted = ( ); }; } );", 2,
	    "listeners[0].proxy_protocol.trusted", "is empty", "\"any\"" },
	{ "listeners = ( { proxy_protocol = { trusted = \"::1\";\n"
	  "version = \"v3\"; }; } );", 2,
	    "listeners[0].proxy_protocol.version", "\"v3\" is not known",
	    "\"any\", \"v1\" or \"v2\"" },
	{ "listeners = ( { address = \"unix:@x\"; proxy_protocol = {\n"
	  "trusted = ( \"::/0\", \"0.0.0.0/0\" ); }; } );", 2,
	    "listeners[0].proxy_protocol.trusted", "have no address",
	    "expected \"any\"" },
	{ "listeners = ( {\nproxy_protocol = true; } );", 2,
	    "listeners[0].proxy_protocol", "true is a boolean", "a group" },
	{ "proxy_protocol = { trusted = \"::1\"; };", 1, "proxy_protocol",
	    "not allowed here", "in a listener" },
	{ "rules = ( );", 1, "rules", "not allowed here", "in a listener" },
};

static const struct {
	const char *rules;
	const char *key;
	const char *why;
} rules_bad[] = {
	{ "{ }", "rules[0].from", "missing" },
	{ "{ from = \"any\"; }", "rules[0].action", "missing" },
	{ "{ from = \"any\"; action = \"reject\"; }", "rules[0].action",
	    "\"reject\" is not known, expected \"allow\" or \"deny\"" },
	{ "{ from = \"any\"; action = true; }", "rules[0].action",
	    "true is a boolean" },
	{ "{ from = ( ); action = \"deny\"; }", "rules[0].from",
	    "is empty" },
	{ "{ from = \"10.0.0.1/24\"; action = \"deny\"; }", "rules[0].from",
	    "\"10.0.0.1/24\" has bits set" },
	{ "{ from = 10; action = \"deny\"; }", "rules[0].from",
	    "10 is a whole number" },
	{ "{ from = \"any\"; action = \"deny\"; greeting = 5; }",
	    "rules[0].greeting", "5 is a whole number" },
	{ "{ from = \"any\"; action = \"allow\"; },"
	  "{ from = \"example.org\"; action = \"deny\"; }",
	    "rules[1].from", "\"example.org\" is not a network" },
};

static void
test_bad(void **state)
{
	char key[64];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++)
		confs_must_refuse(bad[i].text, bad[i].line, bad[i].key,
		    bad[i].value, bad[i].why, NULL);
	for (i = 0; i < COUNT(rules_bad); i++) {
		snprintf(key, sizeof(key), "listeners[0].%s", rules_bad[i].key);
		confs_must_refuse(with_rules(rules_bad[i].rules), 2, key,
		    rules_bad[i].why, NULL);
	}
}

/* ----------------------------------------------------------------------- counts */

/* So many rules in each of so many listeners, with so many networks each. */
static char *
rules_of(unsigned listeners, unsigned rules, unsigned nets)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	unsigned i, k, n;

	assert_non_null(out);
	fputs("listeners = (", out);
	for (i = 0; i < listeners; i++) {
		fprintf(out, "%s\n{ port = %u; rules = (", i > 0 ? "," : "",
		    i + 1);
		for (k = 0; k < rules; k++) {
			fprintf(out, "%s { action = \"deny\"; from = (",
			    k > 0 ? "," : "");
			for (n = 0; n < nets; n++)
				fprintf(out, "%s \"10.%u.%u.%u\"",
				    n > 0 ? "," : "", k, n / 256, n % 256);
			fputs(" ); }", out);
		}
		fputs(" ); }", out);
	}
	fputs(" );\n", out);
	assert_int_equal(fclose(out), 0);
	return text;
}

static void
test_counts(void **state)
{
	char *text = rules_of(16, 64, 1);
	struct conf *conf = confs_must_load(text);

	(void)state;
	assert_int_equal(conf->n_rules, CONF_RULES_MAX);
	assert_int_equal(conf->n_nets, CONF_NETS_MAX);
	assert_int_equal(conf->listener[15].first_rule, 15 * 64);
	free(conf);
	free(text);
	text = rules_of(1, 65, 1);
	confs_must_refuse(text, 2, "listeners[0].rules",
	    "65 groups are too many", "0 to 64", NULL);
	free(text);
	text = rules_of(17, 64, 1);
	confs_must_refuse(text, 18, "listeners[16].rules",
	    "1024 in all listeners", NULL);
	free(text);
	text = rules_of(1, 1, 1025);
	confs_must_refuse(text, 2, "listeners[0].rules[0].from",
	    "\"10.0.4.0\" is one too many", "1024", NULL);
	free(text);
}

static void
test_denial_length(void **state)
{
	char text[2 * CONF_DENIAL_MAX], filler[CONF_DENIAL_MAX + 2];

	(void)state;
	memset(filler, 'x', sizeof(filler));
	filler[CONF_DENIAL_MAX + 1] = '\0';
	snprintf(text, sizeof(text), "listeners = ( { rules = ( { from = "
	    "\"any\"; action = \"allow\"; greeting = \"%s\"; } ); } );",
	    filler);
	free(confs_must_load(text));
	snprintf(text, sizeof(text), "listeners = ( { rules = ( { from = "
	    "\"any\"; action = \"deny\"; greeting = \"%s\"; } ); } );",
	    filler + 1);
	free(confs_must_load(text));
	snprintf(text, sizeof(text), "listeners = ( { rules = ( { from = "
	    "\"any\"; action = \"deny\"; greeting = \"%s\"; } ); } );",
	    filler);
	confs_must_refuse(text, 1, "listeners[0].rules[0].greeting",
	    "1025 bytes", "0 to 1024", NULL);
}

/* -------------------------------------------------------------------- warnings */

static const struct {
	const char *text;
	const char *warning; /* NULL: none */
} doubts[] = {
	{ "limits = { max_clients_per_source = 9; max_clients = 9; };", NULL },
	{ "limits = {\nmax_clients_per_source = 9; max_clients = 8; };",
	    ":2: limits.max_clients_per_source: 9 can never be reached, "
	    "limits.max_clients is 8" },
	{ "limits = { max_clients = 8; };", NULL }, /* the default is 64 */
	{ "limits = {\nburst = 5; };",
	    ":2: limits.burst: has no effect while limits.rate is 0" },
	{ "limits = { burst = 5; rate = 1; };", NULL },
	{ "limits = { burst = 5; };\n"
	  "listeners = ( { limits = { rate = 1; }; } );", NULL },
	{ "limits = {\nburst_per_source = 5; rate = 1; };",
	    ":2: limits.burst_per_source: has no effect" },
	{ "listeners = ( { rules = (\n{ from = \"any\"; action = \"allow\"; "
	  "},\n{ from = \"10.0.0.0/8\"; action = \"deny\"; } ); } );",
	    ":3: listeners[0].rules[1].from: can never match: rules before "
	    "it cover its addresses, rules[0] (line 2)" },
	{ "listeners = ( { rules = (\n"
	  "{ from = \"10.0.0.0/8\"; action = \"allow\"; },\n"
	  "{ from = \"::1\"; action = \"allow\"; },\n"
	  "{ from = ( \"10.1.0.0/16\", \"::1\" ); action = \"deny\"; } ); } );",
	    ":4: listeners[0].rules[2].from: can never match" },
	{ "listeners = ( { rules = (\n"
	  "{ from = \"10.1.0.0/16\"; action = \"allow\"; },\n"
	  "{ from = ( \"10.1.2.0/24\", \"10.0.0.0/8\" ); action = \"deny\"; },"
	  "{ from = \"any\"; action = \"deny\"; } ); } );", NULL },
	{ "listeners = ( { format = \"http\"; } );", NULL },
	{ "timeouts = { session = 5; };\n"
	  "listeners = ( { format = \"http\"; } );", NULL },
	{ "timeouts = {\nsession = 4.9; };\n"
	  "listeners = ( { port = 1; }, { format = \"http\"; } );",
	    ":2: listeners[1].timeouts.session: 4.9 is shorter than "
	    "timeouts.request, 5, which can never be reached" },
	{ "timeouts = { session = 40;\nrequest = 50; };\n"
	  "listeners = ( { format = \"http\"; timeouts = {\nsession = 30; }; "
	  "} );",
	    ":4: listeners[0].timeouts.session: 30 is shorter than "
	    "timeouts.request, 50" },
	{ "listeners = ( { format = \"http\"; timeouts = {\nrequest = 31; }; "
	  "} );",
	    ":2: listeners[0].timeouts.session: 30 is shorter than "
	    "timeouts.request, 31" },
	{ "timeouts = { session = 1; };\n"
	  "listeners = ( { timeouts = { request = 9; }; }, { port = 1; "
	  "format = \"http\"; timeouts = { session = 5; }; } );", NULL },
	{ "listeners = ( { proxy_protocol = { trusted = \"192.0.2.1\"; };\n"
	  "timeouts = { session = 2; }; } );",
	    ":2: listeners[0].timeouts.session: 2 is shorter than "
	    "timeouts.proxy, 3, which can never be reached" },
	{ "timeouts = { session = 2; };\n", NULL },
	{ "listeners = ( { proxy_protocol = {\ntrusted = \"any\"; }; } );",
	    ":2: listeners[0].proxy_protocol.trusted: anybody can connect "
	    "there and claim to be somebody else" },
	{ "listeners = ( { proxy_protocol = { trusted = ( \"10.0.0.0/8\",\n"
	  "\"::/0\" ); }; } );",
	    ":2: listeners[0].proxy_protocol.trusted: anybody can connect" },
	{ "listeners = ( { address = \"unix:/run/x/y\"; proxy_protocol = {"
	  "trusted = \"any\"; }; } );", NULL },
	{ "listeners = ( { name = \"x\"; port = 5; address = ("
	  "\"unix:/run/x/y\", \"::1\" ); proxy_protocol = {\n"
	  "trusted = \"any\"; }; } );",
	    ":2: listeners[0].proxy_protocol.trusted: anybody can connect" },
	{ "listeners = ( { proxy_protocol = { version = \"v2\"; trusted = ("
	  "\"10.0.0.0/8\", \"2001:db8::/32\" ); }; } );", NULL },
	/* Each listener by itself. */
	{ "listeners = ( { rules = ( { from = \"any\"; action = \"deny\"; } );"
	  "}, { port = 5; rules = ( { from = \"any\"; action = \"deny\"; } ); "
	  "} );", NULL },
};

static void
test_doubts(void **state)
{
	struct report report;
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(doubts); i++) {
		conf = confs_load(doubts[i].text, &report);
		assert_non_null(conf);
		free(conf);
		if (report.warnings != (doubts[i].warning != NULL))
			fail_msg("%s: %zu warnings, %s", doubts[i].text,
			    report.warnings, report.lines[0].text);
		if (doubts[i].warning != NULL &&
		    strstr(report.lines[0].text, doubts[i].warning) == NULL)
			fail_msg("%s", report.lines[0].text);
	}
}

/* ------------------------------------------------------------------------- dump */

static void
test_dump(void **state)
{
	static const char text[] =
	    "limits = { rate = 2.5; burst_per_source = 7; rate_per_source = 3;"
	    "exempt = ( \"192.0.2.0/24\", \"::1/128\" ); };\n"
	    "listeners = ( { rules = ( { from = \"any\"; action = \"deny\"; "
	    "greeting = \"\"; }, { action = \"allow\"; greeting = \"a\\nb\";"
	    "from = [ \"10.0.0.0/8\", \"::/0\" ]; } ); limits = { burst = 9; };"
	    "} );";
	static const char *const parts[] = { "\trate = 2.5;\n",
		"\tburst_per_source = 7;\n",
		"\texempt = ( \"192.0.2.0/24\", \"::1\" );\n",
		"\t\trules = (\n"
		"\t\t\t{ from = \"any\"; action = \"deny\"; greeting = \"\"; "
		"},\n"
		"\t\t\t{ from = ( \"10.0.0.0/8\", \"::/0\" ); "
		"action = \"allow\"; greeting = \"a\\nb\"; }\n\t\t);\n",
		"\t\t\tburst = 9;\n" };
	struct conf *conf = confs_must_load(text), *again;
	char *dump = confs_dump(conf), *second;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(parts); i++)
		if (strstr(dump, parts[i]) == NULL)
			fail_msg("no %s in %s", parts[i], dump);
	assert_null(strstr(dump, "\n\tburst = "));
	again = confs_must_load(dump);
	second = confs_dump(again);
	assert_string_equal(dump, second);
	assert_memory_equal(conf->net, again->net,
	    offsetof(struct conf_net, line)); /* the lines differ */
	free(conf);
	free(again);
	free(dump);
	free(second);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_net_texts),
		cmocka_unit_test(test_net_has),
		cmocka_unit_test(test_net_covers),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_denial_length),
		cmocka_unit_test(test_doubts),
		cmocka_unit_test(test_dump),
	};

	return cmocka_run_group_tests_name(
	    "conf_admission", tests, confs_setup, confs_teardown);
}
