/* Numeric addresses: shared/addr.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "shared/addr.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define GUARD 0x5a

/* Texts and what they are written as; NULL: the same. */
static const struct {
	const char *text;
	const char *canonical;
	uint8_t family;
	uint8_t bytes[16];
} good[] = {
	{ "0.0.0.0", NULL, AF_INET, { 0 } },
	{ "127.0.0.1", NULL, AF_INET, { 127, 0, 0, 1 } },
	{ "1.2.3.4", NULL, AF_INET, { 1, 2, 3, 4 } },
	{ "255.255.255.255", NULL, AF_INET, { 255, 255, 255, 255 } },
	{ "::", NULL, AF_INET6, { 0 } },
	{ "::1", NULL, AF_INET6, { [15] = 1 } },
	{ "1::", NULL, AF_INET6, { 0, 1 } },
	{ "0:0:0:0:0:0:0:1", "::1", AF_INET6, { [15] = 1 } },
	{ "2001:db8::1", NULL, AF_INET6, { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 } },
	{ "2001:0DB8::00a1", "2001:db8::a1", AF_INET6,
	    { 0x20, 0x01, 0x0d, 0xb8, [15] = 0xa1 } },
	/* RFC 5952, 4.2.2: one group of zeros is not shortened. */
	{ "2001:db8:0:1:1:1:1:1", NULL, AF_INET6,
	    { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1 } },
	/* 4.2.3: the longest run is, or the first of two equal ones. */
	{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1", AF_INET6,
	    { 0x20, 0x01, 0, 0, 0, 0, 0, 1, [15] = 1 } },
	{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1", AF_INET6,
	    { 0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 1, [15] = 1 } },
	{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", NULL, AF_INET6,
	    { 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
		255, 255, 255 } },
	{ "fe80::1", NULL, AF_INET6, { 0xfe, 0x80, [15] = 1 } },
	{ "::ffff:1.2.3.4", NULL, AF_INET6,
	    { [10] = 255, [11] = 255, 1, 2, 3, 4 } },
	{ "::ffff:102:304", "::ffff:1.2.3.4", AF_INET6,
	    { [10] = 255, [11] = 255, 1, 2, 3, 4 } },
	{ "64:ff9b::1.2.3.4", "64:ff9b::102:304", AF_INET6,
	    { 0, 0x64, 0xff, 0x9b, [12] = 1, 2, 3, 4 } },
};

static const char *const bad[] = { "", " ", "localhost", "1.2.3", "1.2.3.",
	".1.2.3", "1..2.3", "1.2.3.4.", "1.2.3.4.5", "1.2.3.256", "256.2.3.4",
	"1.2.3.1000", "1.2.3.-4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4\n",
	"01.2.3.4", "1.2.3.04", "00.0.0.0", "0x7f.0.0.1", "127.1", "2130706433",
	"1.2.3.4:80", "1.2.3.4/32", "1,2,3,4", "a.b.c.d", ":", ":::", "1",
	"1:2", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7",
	"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1::", "1::2::3",
	"12345::", "::g", "::1 ", " ::1", "[::1]", "[::1]:80", "::1/128",
	"fe80::1%lo", "fe80::1%1", "::1.2.3", "::1.2.3.256", "::1.2.3.04",
	"1.2.3.4::", "::ffff:1.2.3.4:5" };

/* What the kernel tells, and what becomes of it. */
static const struct {
	const char *from; /* IPv6 text */
	const char *to;
	uint8_t family;
} mapped[] = {
	{ "::ffff:0.0.0.0", "0.0.0.0", AF_INET },
	{ "::ffff:127.0.0.1", "127.0.0.1", AF_INET },
	{ "::ffff:255.255.255.255", "255.255.255.255", AF_INET },
	{ "::ffff:c000:221", "192.0.2.33", AF_INET },
	/* Not mapped: compatible, translated, NAT64, a bit beside. */
	{ "::1.2.3.4", "::1.2.3.4", AF_INET6 },
	{ "::ffff:0:1.2.3.4", "::ffff:0:102:304", AF_INET6 },
	{ "64:ff9b::1.2.3.4", "64:ff9b::102:304", AF_INET6 },
	{ "::fffe:102:304", "::fffe:102:304", AF_INET6 },
	{ "::1:ffff:102:304", "::1:ffff:102:304", AF_INET6 },
	{ "8000::ffff:102:304", "8000::ffff:102:304", AF_INET6 },
	{ "::", "::", AF_INET6 },
	{ "::1", "::1", AF_INET6 },
};

static struct addr
parsed(const char *text)
{
	struct addr addr;

	if (addr_parse(&addr, text) != 0)
		fail_msg("'%s': not parsed", text);
	return addr;
}

/* Formats with a guard behind the room that the header promises. */
static void
check_format(const struct addr *addr, const char *expected)
{
	char text[ADDR_TEXT_MAX + 1];

	memset(text, GUARD, sizeof(text));
	assert_ptr_equal(addr_format(addr, text), text);
	assert_string_equal(text, expected);
	assert_int_equal(text[ADDR_TEXT_MAX], GUARD);
}

static void
check_format_port(const struct addr *addr, const char *expected)
{
	char text[ADDR_PORT_TEXT_MAX + 1];

	memset(text, GUARD, sizeof(text));
	assert_ptr_equal(addr_format_port(addr, text), text);
	assert_string_equal(text, expected);
	assert_int_equal(text[ADDR_PORT_TEXT_MAX], GUARD);
}

static void
test_parse_good(void **state)
{
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		memset(&addr, GUARD, sizeof(addr));
		if (addr_parse(&addr, good[i].text) != 0)
			fail_msg("'%s': not parsed", good[i].text);
		assert_int_equal(addr.family, good[i].family);
		assert_memory_equal(addr.bytes, good[i].bytes, 16);
		assert_int_equal(addr.port, 0);
		assert_int_equal(addr.scope, 0);
	}
}

static void
test_parse_bad(void **state)
{
	static const uint8_t zero[16];
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++) {
		memset(&addr, GUARD, sizeof(addr));
		if (addr_parse(&addr, bad[i]) != -1)
			fail_msg("'%s': parsed", bad[i]);
		assert_int_equal(addr.family, AF_UNSPEC);
		assert_memory_equal(addr.bytes, zero, sizeof(zero));
	}
}

static void
test_format(void **state)
{
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		addr = parsed(good[i].text);
		check_format(&addr,
		    good[i].canonical != NULL ? good[i].canonical
					      : good[i].text);
	}
	memset(&addr, 0, sizeof(addr));
	check_format(&addr, "-");
	addr.family = AF_NETLINK;
	check_format(&addr, "-");
}

/* A user in the place of an address. */
static void
test_peer(void **state)
{
	static const uint32_t uids[] = { 0, 1, 255, 256, 1000, 65534,
		0x01020304, UINT32_MAX - 1 };
	static const char *const bad_uids[] = { "uid:", "uid:-1", "uid:-0",
		"uid:00", "uid:01", "uid:4294967295", "uid:4294967296",
		"uid: 1", "uid:1 ", "uid:0x1", "uid:root", "uid", "UID:1",
		"1000", "" };
	struct addr addr, again, other;
	char expected[ADDR_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < COUNT(uids); i++) {
		addr = addr_of_peer(uids[i], 77);
		assert_int_equal(addr_uid(&addr), uids[i]);
		assert_int_equal(addr.scope, 77);
		assert_false(addr_is_any(&addr));
		snprintf(expected, sizeof(expected), "uid:%u",
		    (unsigned)uids[i]);
		check_format(&addr, expected);
		assert_int_equal(addr_parse_source(&again, expected), 0);
		assert_int_equal(addr_parse(&other, expected), -1);
		/* The process is not part of the source. */
		addr_mask(&addr, 32);
		assert_true(addr_equal(&addr, &again));
		other = addr_of_peer(uids[i] ^ 1, 0);
		assert_false(addr_is_in(&addr, &other, 32));
		assert_true(addr_is_in(&addr, &again, 32));
		/* Whatever the bytes say. */
		other = addr;
		other.family = AF_INET;
		assert_false(addr_is_in(&addr, &other, 0));
	}
	for (size_t i = 0; i < COUNT(bad_uids); i++)
		if (addr_parse_source(&addr, bad_uids[i]) == 0)
			fail_msg("'%s': parsed", bad_uids[i]);
	assert_int_equal(addr_parse_source(&addr, "192.0.2.1"), 0);
	assert_int_equal(addr.family, AF_INET);
}

static void
test_format_port(void **state)
{
	static const struct {
		const char *text;
		uint16_t port;
		const char *expected;
	} rows[] = {
		{ "127.0.0.1", 0, "127.0.0.1:0" },
		{ "127.0.0.1", 4444, "127.0.0.1:4444" },
		{ "255.255.255.255", 65535, "255.255.255.255:65535" },
		{ "::", 1, "[::]:1" },
		{ "::ffff:1.2.3.4", 80, "[::ffff:1.2.3.4]:80" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535,
		    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535" },
	};
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < COUNT(rows); i++) {
		addr = parsed(rows[i].text);
		addr.port = rows[i].port;
		check_format_port(&addr, rows[i].expected);
	}
	memset(&addr, 0, sizeof(addr));
	check_format_port(&addr, "-:0");
}

static void
test_format_scope(void **state)
{
	struct addr addr = parsed("fe80::1");
	char name[IF_NAMESIZE], expected[ADDR_PORT_TEXT_MAX];

	(void)state;
	/* No such interface: in digits.  The kernel has none above INT_MAX. */
	addr.scope = UINT32_MAX;
	check_format(&addr, "fe80::1%4294967295");
	addr.port = 4444;
	check_format_port(&addr, "[fe80::1%4294967295]:4444");
	addr = parsed("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
	addr.scope = UINT32_MAX;
	addr.port = 65535;
	check_format_port(&addr,
	    "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff%4294967295]:65535");

	addr = parsed("fe80::1");
	addr.scope = 1; /* the loopback interface, as a rule */
	if (if_indextoname(addr.scope, name) == NULL)
		return;
	snprintf(expected, sizeof(expected), "fe80::1%%%s", name);
	check_format(&addr, expected);
	snprintf(expected, sizeof(expected), "[fe80::1%%%s]:0", name);
	check_format_port(&addr, expected);
}

static void
test_room(void **state)
{
	/* The longest: INET6_ADDRSTRLEN counts its NUL, IF_NAMESIZE too. */
	static const char longest[] =
	    "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255%123456789012345";

	(void)state;
	assert_true(sizeof(longest) <= ADDR_TEXT_MAX);
	assert_true(sizeof(longest) + strlen("[]:65535") <= ADDR_PORT_TEXT_MAX);
	assert_int_equal(IF_NAMESIZE, 16);
}

static void
test_sockaddr_mapped(void **state)
{
	struct sockaddr_storage storage;
	struct addr addr, plain;

	(void)state;
	for (size_t i = 0; i < COUNT(mapped); i++) {
		addr = parsed(mapped[i].from);
		addr.port = 4444;
		assert_int_equal(addr_to_sockaddr(&addr, &storage),
		    sizeof(struct sockaddr_in6));
		memset(&addr, GUARD, sizeof(addr));
		addr_from_sockaddr(&addr, &storage);
		assert_int_equal(addr.family, mapped[i].family);
		assert_int_equal(addr.port, 4444);
		assert_int_equal(addr.scope, 0);
		check_format(&addr, mapped[i].to);
		/* Not only alike in text: the same as the IPv4 address. */
		addr.port = 0;
		plain = parsed(mapped[i].to);
		assert_true(addr_equal(&addr, &plain));
	}
}

/* Port and scope stay, and so does one that is IPv4, or nobody's, already. */
static void
test_unmap(void **state)
{
	struct addr addr, want;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(mapped); i++) {
		addr = parsed(mapped[i].from);
		want = parsed(mapped[i].to);
		addr.port = want.port = 4444;
		addr.scope = want.scope = 7;
		addr_unmap(&addr);
		assert_true(addr_equal(&addr, &want));
		addr_unmap(&addr);
		assert_true(addr_equal(&addr, &want));
	}
	addr = parsed("::ffff:1.2.3.4");
	addr.family = AF_UNSPEC;
	want = addr;
	addr_unmap(&addr);
	assert_true(addr_equal(&addr, &want));
}

/* No family but two, no scope, and with IPv4 no byte behind its four. */
static void
test_is_sound(void **state)
{
	struct addr addr;
	unsigned i;

	(void)state;
	for (i = 0; i < COUNT(good); i++) {
		addr = parsed(good[i].text);
		addr.port = 65535;
		assert_true(addr_is_sound(&addr));
		addr.scope = 1;
		assert_false(addr_is_sound(&addr));
	}
	for (i = 0; i < sizeof(addr.bytes); i++) {
		addr = parsed("1.2.3.4");
		addr.bytes[i] ^= 0x80;
		assert_int_equal(addr_is_sound(&addr), i < 4);
	}
	addr = parsed("::");
	for (i = 0; i <= UINT8_MAX; i++) {
		addr.family = (uint8_t)i;
		assert_int_equal(addr_is_sound(&addr),
		    i == AF_INET || i == AF_INET6);
	}
}

static void
test_sockaddr_round_trip(void **state)
{
	static const uint16_t ports[] = { 0, 1, 255, 256, 4444, 65535 };
	struct sockaddr_storage storage;
	struct addr addr, back;

	(void)state;
	for (size_t i = 0; i < COUNT(good) * COUNT(ports); i++) {
		addr = parsed(good[i / COUNT(ports)].text);
		if (strncmp(good[i / COUNT(ports)].text, "::ffff:", 7) == 0)
			continue; /* comes back as IPv4 */
		addr.port = ports[i % COUNT(ports)];
		addr.scope = addr.family == AF_INET6 ? (uint32_t)i : 0;
		memset(&storage, GUARD, sizeof(storage));
		addr_to_sockaddr(&addr, &storage);
		assert_int_equal(storage.ss_family, addr.family);
		memset(&back, GUARD, sizeof(back));
		addr_from_sockaddr(&back, &storage);
		assert_true(addr_equal(&addr, &back));
	}
}

/* What stands where in what connect(2) gets. */
static void
test_sockaddr_layout(void **state)
{
	struct sockaddr_storage storage;
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;
	struct addr addr = parsed("192.0.2.1");

	(void)state;
	addr.port = 0x1234;
	assert_int_equal(addr_to_sockaddr(&addr, &storage), sizeof(in4));
	memcpy(&in4, &storage, sizeof(in4));
	assert_int_equal(in4.sin_family, AF_INET);
	assert_int_equal(in4.sin_port, htons(0x1234));
	assert_int_equal(in4.sin_addr.s_addr, htonl(0xc0000201));

	addr = parsed("fe80::1");
	addr.port = 0x1234;
	addr.scope = 7;
	assert_int_equal(addr_to_sockaddr(&addr, &storage), sizeof(in6));
	memcpy(&in6, &storage, sizeof(in6));
	assert_int_equal(in6.sin6_family, AF_INET6);
	assert_int_equal(in6.sin6_port, htons(0x1234));
	assert_int_equal(in6.sin6_scope_id, 7);
	assert_int_equal(in6.sin6_flowinfo, 0);
	assert_memory_equal(&in6.sin6_addr, addr.bytes, 16);
}

static void
test_sockaddr_other(void **state)
{
	static const sa_family_t families[] = { AF_UNSPEC, AF_UNIX, AF_NETLINK,
		AF_PACKET, UINT16_MAX };
	struct sockaddr_storage storage;
	struct addr addr;
	const struct addr none = { .family = AF_UNSPEC };

	(void)state;
	for (size_t i = 0; i < COUNT(families); i++) {
		memset(&storage, GUARD, sizeof(storage));
		storage.ss_family = families[i];
		memset(&addr, GUARD, sizeof(addr));
		addr_from_sockaddr(&addr, &storage);
		assert_true(addr_equal(&addr, &none));
		check_format(&addr, "-");
	}
}

static void
test_equal(void **state)
{
	const struct addr base = { AF_INET6, { [15] = 1 }, 80, 2 };
	struct addr other = base;

	(void)state;
	assert_true(addr_equal(&base, &other));
	other.family = AF_INET;
	assert_false(addr_equal(&base, &other));
	for (size_t i = 0; i < sizeof(base.bytes); i++) {
		other = base;
		other.bytes[i] ^= 0x80;
		assert_false(addr_equal(&base, &other));
		assert_false(addr_equal(&other, &base));
	}
	other = base;
	other.port = 81;
	assert_false(addr_equal(&base, &other));
	other = base;
	other.scope = 3;
	assert_false(addr_equal(&base, &other));
}

static void
test_is_any(void **state)
{
	struct addr addr;

	(void)state;
	for (size_t i = 0; i < COUNT(good); i++) {
		addr = parsed(good[i].text);
		addr.port = 4444;
		assert_int_equal(addr_is_any(&addr),
		    strcmp(good[i].text, "0.0.0.0") == 0 ||
			strcmp(good[i].text, "::") == 0);
	}
	for (size_t i = 0; i < sizeof(addr.bytes); i++) {
		addr = parsed("::");
		addr.bytes[i] = 1;
		assert_false(addr_is_any(&addr));
	}
	memset(&addr, 0, sizeof(addr)); /* no address at all */
	assert_false(addr_is_any(&addr));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_peer),
		cmocka_unit_test(test_format_port),
		cmocka_unit_test(test_format_scope),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_sockaddr_mapped),
		cmocka_unit_test(test_unmap),
		cmocka_unit_test(test_is_sound),
		cmocka_unit_test(test_sockaddr_round_trip),
		cmocka_unit_test(test_sockaddr_layout),
		cmocka_unit_test(test_sockaddr_other),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_is_any),
	};

	return cmocka_run_group_tests_name("addr", tests, NULL, NULL);
}
