/* The addresses of listeners, and listeners beside each other:
 * master/config/address.c, master/config/conflict.c, reader/position.c. */
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

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static const struct {
	const char *address;
	const char *why;
} addresses_bad[] = {
	{ "", "not a numeric address" },
	{ "localhost", "names are not resolved" },
	{ "example.org", "names are not resolved" },
	{ "*", "\"0.0.0.0\"" },
	{ "[::1]", "without brackets" },
	{ "127.0.0.1:80", "without a port" },
	{ "127.0.0.1/8", "without a prefix length" },
	{ "127.0.0.01", "not a numeric address" },
	{ "127.1", "not a numeric address" },
	{ "1.2.3.4 ", "not a numeric address" },
	{ "127.0.0.1%lo", "expected a scope on IPv6" },
	{ "fe80::1", "fe80::1%eth0" },
	{ "fe80::1%", "no usable scope" },
	{ "fe80::1%a b", "no usable scope" },
	{ "fe80::1%a%b", "no usable scope" },
	{ "fe80::1%0123456789abcdef", "no usable scope" },
	{ "fe80::1%\\x7f", "no usable scope" },
	{ "fe80::1%\\xe9", "no usable scope" },
	{ "::ffff:1.2.3.4", "IPv4-mapped" },
	{ "::ffff:0:0", "IPv4-mapped" },
	{ "224.0.0.1", "multicast" },
	{ "255.255.255.255", "broadcast" },
	{ "ff02::1%eth0", "multicast" },
	{ "unix:", "not a UNIX socket" },
	{ "unix:x", "not a UNIX socket" },
	{ "unix:/", "not a UNIX socket" },
	{ "unix:@", "not a UNIX socket" },
	{ "unix:/a b", "printable ASCII" },
	{ "unix:/\\xe9", "printable ASCII" },
	{ "unix:/a\\\"", "printable ASCII" },
	{ "unix:/a/", "plain path" },
	{ "unix://a", "plain path" },
	{ "unix:/a/./b", "plain path" },
	{ "unix:/a/../b", "plain path" },
	{ "unix:/a/..", "plain path" },
	{ "unix:/a/.", "plain path" },
	{ "UNIX:/a", "not a numeric address" },
	{ "/run/x", "expected \"unix:\" before" },
	{ "@x", "expected \"unix:\" before" },
	{ "1:2:3:4:5:6:7:8:9", "not a numeric address" },
	{ "::1111111111111111111111111111111111111111111111111111111111111111",
	    "not a numeric address" },
};

static void
test_addresses_bad(void **state)
{
	char keys[256];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(addresses_bad); i++) {
		snprintf(keys, sizeof(keys),
		    "name = \"n\" \"m\"; address = "
		    "( \"10.0.0.1\",\n\"%s\" \n);",
		    addresses_bad[i].address);
		confs_must_refuse(confs_listener(keys), 3, "listeners[0].address",
		    addresses_bad[i].why, NULL);
	}
	confs_must_refuse(confs_listener("address = [ ];"), 2, "listeners[0].address",
	    "this is empty", "expected", NULL);
	confs_must_refuse(confs_listener("address = ( );"), 2, "listeners[0].address",
	    "this is empty", "expected", NULL);
	confs_must_refuse(confs_listener("address = ( \"::1\",\n5 );"), 3,
	    "listeners[0].address", "5 is a whole number", "a string", NULL);
	confs_must_refuse(confs_listener("address = ( \"10.0.0.1\", \"10.0.0.2\" );"),
	    2, "listeners[0].name", "missing", "2 addresses", NULL);
}

/* What is written, and the name that the listener has by default. */
#define TEN "0123456789"

static const struct {
	const char *address;
	const char *name;
} addresses_good[] = {
	{ "unix:/x", "unix:/x" },
	{ "unix:/run/a:b,c/.d", "unix:/run/a:b,c/.d" },
	{ "unix:@x", "unix:@x" },
	{ "unix:@/x//", "unix:@/x//" },
	{ "unix:/" TEN TEN TEN TEN TEN "12345678",
	    "unix:/" TEN TEN TEN TEN TEN "12345678" },
	{ "0.0.0.0", "0.0.0.0:4444" },
	{ "192.0.2.1", "192.0.2.1:4444" },
	{ "::", "[::]:4444" },
	{ "0:0::0001", "[::1]:4444" },
	{ "::1%lo", "[::1%lo]:4444" },
	{ "fe80::1%eth0", "[fe80::1%eth0]:4444" },
	{ "fe80:1111:2222:3333:4444:5555:6666:7777%0123456789abcde",
	    "[fe80:1111:2222:3333:4444:5555:6666:7777%0123456789abcde]:4444" },
};

/* 107 bytes of a path, and of a name after its '@'. */
static void
test_longest_paths(void **state)
{
	static const char kinds[] = "/@";
	char path[CONF_SOCKET_MAX + 2], keys[256];
	const char *kind;
	struct conf *conf;
	size_t n;

	(void)state;
	for (kind = kinds; *kind != '\0'; kind++) {
		n = *kind == '/' ? 107 : 108;
		memset(path, 'x', sizeof(path));
		path[0] = *kind;
		path[n] = '\0';
		snprintf(keys, sizeof(keys),
		    "name = \"n\"; address = \"unix:%s\";", path);
		conf = confs_must_load(confs_listener(keys));
		assert_string_equal(conf->address[0].path, path);
		assert_int_equal(conf->address[0].addr.family, AF_UNIX);
		assert_int_equal(conf->address[0].addr.port, 0);
		free(conf);
		/* Too long for a name. */
		confs_must_refuse(confs_listener(strchr(keys, ';') + 1), 2,
		    "listeners[0].name", "missing", NULL);
		path[n] = 'x';
		path[n + 1] = '\0';
		snprintf(keys, sizeof(keys),
		    "name = \"n\"; address = \"unix:%s\";", path);
		confs_must_refuse(confs_listener(keys), 2,
		    "listeners[0].address", "at most 107 bytes", NULL);
	}
}

static void
test_addresses_good(void **state)
{
	char keys[256];
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(addresses_good); i++) {
		snprintf(keys, sizeof(keys), "address = \"%s\";",
		    addresses_good[i].address);
		conf = confs_must_load(confs_listener(keys));
		assert_string_equal(conf_text(conf, conf->listener[0].name),
		    addresses_good[i].name);
		assert_int_equal(conf->address[0].addr.scope, 0);
		free(conf);
	}
	conf =
	    confs_must_load(confs_listener("name = \"n\"; port = 7;\n"
				     "address = [ \"::1\",\n\"10.0.0.1\"\n];"));
	assert_int_equal(conf->n_addresses, 2);
	assert_int_equal(conf->address[1].addr.port, 7);
	assert_int_equal(conf->address[0].line, 3);
	assert_int_equal(conf->address[1].line, 4);
	free(conf);
}

#define TWO(a, b) "listeners = ( { name = \"a\"; " a " },\n{ " b " } );"

static const struct confs_slip conflicts[] = {
	{ TWO("", ""), 2, "listeners[1].address", "127.0.0.1:4444",
	    "listeners[0] (line 1), choose another port" },
	{ TWO("address = \"0.0.0.0\";", ""), 2, "listeners[1].address",
	    "127.0.0.1:4444", "beside 0.0.0.0:4444 of listeners[0]" },
	{ TWO("", "address = \"0.0.0.0\";"), 2, "listeners[1].address",
	    "0.0.0.0:4444", "beside 127.0.0.1:4444" },
	{ TWO("address = \"::\";", "address = \"::1\";"), 2,
	    "listeners[1].address", "[::1]:4444", "beside [::]:4444" },
	{ TWO("address = \"::\"; v6only = false;", ""), 2,
	    "listeners[1].address", "127.0.0.1:4444", "v6only = true" },
	{ TWO("address = \"0.0.0.0\";", "address = \"::\"; v6only = false;"), 2,
	    "listeners[1].address", "[::]:4444", "v6only = true" },
	{ TWO("address = \"fe80::1%a\";", "address = \"fe80::1%a\";"), 2,
	    "listeners[1].address", "fe80::1%a", "cannot be bound" },
	{ TWO("address = \"::1%lo\";", "address = \"::1\";"), 2,
	    "listeners[1].address", "[::1]:4444", "cannot be bound" },
	{ TWO("", "name = \"b\"; address = ( \"10.0.0.1\",\n\"10.0.0.1\" );"),
	    3, "listeners[1].address", "10.0.0.1:4444",
	    "of listeners[1] (line 2)" },
	{ TWO("address = \"unix:/x\";", "address = \"unix:/x\";"), 2,
	    "listeners[1].address", "unix:/x cannot be bound beside unix:/x",
	    "choose another path or name" },
	{ TWO("address = \"unix:@x\";",
	      "name = \"b\"; address = ( \"::1\",\n\"unix:@x\" );"), 3,
	    "listeners[1].address", "unix:@x cannot be bound", "(line 1)" },
	{ "control_socket = \"/x\"; listeners = ( { address = \"unix:/x\"; } );",
	    1, "listeners[0].address", "unix:/x is the daemon's", "control" },
	{ TWO("port = 1;", "name = \"a\";"), 2, "listeners[1].name", "\"a\"",
	    "name of listeners[0] too (line 1)" },
	{ TWO("port = 1;", "}, { port = 2; name = \"127.0.0.1:4444\";"), 2,
	    "listeners[2].name", "\"127.0.0.1:4444\"", "listeners[1]" },
};

static const char *const no_conflicts[] = {
	TWO("address = \"unix:/x\";", "address = \"unix:/y\";"),
	TWO("address = \"unix:/x\";", "address = \"unix:@/x\";"),
	TWO("address = \"unix:/x\";", ""),
	TWO("address = \"unix:@x\";", "name = \"b\"; address = \"unix:@x1\";"),
	TWO("", "port = 1;"),
	TWO("", "address = \"127.0.0.2\";"),
	TWO("address = \"::\";", "address = \"0.0.0.0\";"),
	TWO("address = \"::\"; v6only = false;", "port = 1;"),
	TWO("address = \"::1\"; v6only = false;", ""),
	TWO("address = \"0.0.0.0\"; v6only = false;", "address = \"::1\";"),
	TWO("address = \"fe80::1%a\";", "address = \"fe80::1%b\";"),
	TWO("", "name = \"A\"; port = 1;"),
};

static void
test_conflicts(void **state)
{
	(void)state;
	confs_must_refuse_all(conflicts, COUNT(conflicts));
	confs_must_load_all(no_conflicts, COUNT(no_conflicts));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses_bad),
		cmocka_unit_test(test_addresses_good),
		cmocka_unit_test(test_longest_paths),
		cmocka_unit_test(test_conflicts),
	};

	return cmocka_run_group_tests_name(
	    "conf_address", tests, confs_setup, confs_teardown);
}
