/* Headers of the PROXY protocol's version 2: proxy-protocol.txt of HAProxy, 2.2,
 * rule by rule; and which version a header has: spawner/image/proxy.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "spawner/image/proxy.h"
#include "unit/spawner/headers.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

/* The commands with their version, the families with their protocol. */
#define LOCAL 0x20
#define PROXY 0x21
#define UNSPEC 0x00
#define TCP4 0x11
#define UDP4 0x12
#define TCP6 0x21
#define UDP6 0x22
#define UNIX_STREAM 0x31
#define UNIX_DGRAM 0x32

/* Types of a TLV. */
#define ALPN 0x01
#define AUTHORITY 0x02
#define CRC32C 0x03
#define NOOP 0x04
#define UNIQUE_ID 0x05
#define SSL 0x20
#define SSL_VERSION 0x21
#define NETNS 0x30

#define FIXED 16
#define REST_MAX 65535

/* A header as it grows. */
static struct {
	char bytes[FIXED + REST_MAX + 16];
	size_t length;
} made;

/* ------------------------------------------------------------ making headers */

static void
add(const void *bytes, size_t n)
{
	assert_true(made.length + n <= sizeof(made.bytes));
	memcpy(made.bytes + made.length, bytes, n);
	made.length += n;
}

static void
add_many(int byte, size_t n)
{
	assert_true(made.length + n <= sizeof(made.bytes));
	memset(made.bytes + made.length, byte, n);
	made.length += n;
}

static void
set_pair(size_t at, size_t value)
{
	made.bytes[at] = (char)(value >> 8);
	made.bytes[at + 1] = (char)value;
}

/* The length as it should be. */
static void
finish(void)
{
	set_pair(14, made.length - FIXED);
}

static void
begin(unsigned command, unsigned family)
{
	made.length = 0;
	add(SIGNATURE, 12);
	add((char[]) { (char)command, (char)family, 0, 0 }, 4);
}

/* 192.0.2.1 from port 56324, 198.51.100.2 at port 443. */
static void
begin_tcp4(void)
{
	begin(PROXY, TCP4);
	add("\xc0\0\2\1\xc6\x33\x64\2\xdc\4\1\xbb", 12);
	finish();
}

static void
add_tlv(unsigned type, const void *value, size_t n)
{
	add((char[]) { (char)type, (char)(n >> 8), (char)n }, 3);
	add(value, n);
	finish();
}

static void
add_padding(unsigned type, size_t n)
{
	add((char[]) { (char)type, (char)(n >> 8), (char)n }, 3);
	add_many('x', n);
	finish();
}

/* RFC 9260, appendix A, bit by bit. */
static uint32_t
sum_of(const char *bytes, size_t n)
{
	uint32_t sum = UINT32_MAX;
	int bit;

	for (; n > 0; n--) {
		sum ^= (unsigned char)*bytes++;
		for (bit = 0; bit < 8; bit++)
			sum = sum >> 1 ^ (sum & 1 ? 0x82f63b78 : 0);
	}
	return ~sum;
}

/* The right sum of all that there is, at the TLV whose value is there. */
static void
set_sum(size_t at)
{
	uint32_t sum;

	memset(made.bytes + at, 0, 4);
	sum = sum_of(made.bytes, made.length);
	set_pair(at, sum >> 16);
	set_pair(at + 2, sum & 0xffff);
}

/* Room for it; returns where its value is. */
static size_t
add_sum(void)
{
	add_tlv(CRC32C, "\0\0\0", 4);
	return made.length - 4;
}

/* ----------------------------------------------------------- judging headers */

static void
check_as(enum proxy_verdict verdict, size_t decides, struct addr client,
    struct addr server)
{
	struct header header = { made.bytes, made.length, HEADERS_BOTH, verdict,
		decides, client, server };

	headers_check(&header);
	header.versions = PLAN_PROXY_V2;
	headers_check(&header);
}

static void
check_tcp4(void)
{
	check_as(PROXY_GOOD, made.length, headers_addr("192.0.2.1", 56324),
	    headers_addr("198.51.100.2", 443));
}

static void
check_nobody(void)
{
	check_as(PROXY_GOOD, made.length, headers_addr(NULL, 0),
	    headers_addr(NULL, 0));
}

static void
check_bad(size_t decides)
{
	check_as(PROXY_BAD, decides, headers_addr(NULL, 0),
	    headers_addr(NULL, 0));
}

static void
check_unfinished(void)
{
	check_as(PROXY_UNFINISHED, made.length, headers_addr(NULL, 0),
	    headers_addr(NULL, 0));
}

/* ------------------------------------------------------------ the fixed part */

static void
tcp_declares_client_and_server(void **state)
{
	(void)state;
	begin_tcp4();
	assert_int_equal(made.length, 28);
	check_tcp4();
	begin(PROXY, TCP6);
	add("\x20\1\r\xb8\1\2\3\4\5\6\7\x08\x09\x0a\x0b\x0c", 16);
	add("\xfe\x80\0\0\0\0\0\0\xff\xfe\xfd\xfc\xfb\xfa\xf9\xf8", 16);
	add("\xff\xff\0\1", 4);
	finish();
	assert_int_equal(made.length, 52);
	check_as(PROXY_GOOD, 52,
	    headers_addr("2001:db8:102:304:506:708:90a:b0c", 65535),
	    headers_addr("fe80::fffe:fdfc:fbfa:f9f8", 1));
}

static void
addresses_of_zeros_and_ones_are_declared(void **state)
{
	static const char ones[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff";

	(void)state;
	begin(PROXY, TCP4);
	add_many(0, 12);
	finish();
	check_as(PROXY_GOOD, 28, headers_addr("0.0.0.0", 0),
	    headers_addr("0.0.0.0", 0));
	begin(PROXY, TCP4);
	add_many(0xff, 12);
	finish();
	check_as(PROXY_GOOD, 28, headers_addr("255.255.255.255", 65535),
	    headers_addr("255.255.255.255", 65535));
	begin(PROXY, TCP6);
	add_many(0, 36);
	finish();
	check_as(PROXY_GOOD, 52, headers_addr("::", 0), headers_addr("::", 0));
	begin(PROXY, TCP6);
	add_many(0xff, 36);
	finish();
	check_as(PROXY_GOOD, 52, headers_addr(ones, 65535),
	    headers_addr(ones, 65535));
}

/* The master says whose it is. */
static void
mapped_addresses_stay_mapped(void **state)
{
	(void)state;
	begin(PROXY, TCP6);
	add("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16);
	add("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc6\x33\x64\2", 16);
	add("\0\1\0\2", 4);
	finish();
	check_as(PROXY_GOOD, 52, headers_addr("::ffff:192.0.2.1", 1),
	    headers_addr("::ffff:198.51.100.2", 2));
}

static void
each_byte_of_the_signature_counts(void **state)
{
	static const char changes[] = "\x01\x20\x80\xff\x0a";
	size_t at, i;

	(void)state;
	for (at = 0; at < 12; at++)
		for (i = 0; i < sizeof(changes) - 1; i++) {
			begin_tcp4();
			made.bytes[at] ^= changes[i];
			check_bad(at + 1);
		}
}

/* Version and command: of 256, two. */
static void
other_versions_and_commands_are_bad(void **state)
{
	unsigned command;

	(void)state;
	for (command = 0; command <= 0xff; command++) {
		begin_tcp4();
		made.bytes[12] = (char)command;
		if (command == PROXY)
			check_tcp4();
		else if (command == LOCAL)
			check_nobody();
		else
			check_bad(FIXED);
	}
}

/* What it takes at least; as all that there may be are given as many bytes. */
static size_t
addresses_of(unsigned family)
{
	static const size_t bytes[] = { 0, 12, 36, 216 };

	return (family & 15) == 0 ? 0 : bytes[family >> 4];
}

/* Family and protocol: of 256, twelve. */
static void
other_families_and_protocols_are_bad(void **state)
{
	unsigned family;

	(void)state;
	for (family = 0; family <= 0xff; family++) {
		begin(PROXY, family);
		add_many(7, family >> 4 > 3 || (family & 15) > 2 ?
			216 : addresses_of(family));
		finish();
		if (family >> 4 > 3 || (family & 15) > 2)
			check_bad(FIXED);
		else if (family == TCP4)
			check_as(PROXY_GOOD, 28, headers_addr("7.7.7.7", 0x707),
			    headers_addr("7.7.7.7", 0x707));
		else if (family == TCP6)
			check_as(PROXY_GOOD, 52,
			    headers_addr("707:707:707:707:707:707:707:707", 0x707),
			    headers_addr("707:707:707:707:707:707:707:707", 0x707));
		else
			check_nobody();
	}
}

/* Of a family that has addresses they are there. */
static void
too_short_for_the_addresses_is_bad(void **state)
{
	static const unsigned families[] = { TCP4, UDP4, TCP6, UDP6,
		UNIX_STREAM, UNIX_DGRAM };
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(families); i++)
		for (n = 0; n < addresses_of(families[i]); n++) {
			begin(PROXY, families[i]);
			add_many(0, n);
			finish();
			check_bad(FIXED);
		}
}

/* UDP and UNIX are nobody who has connected, UNSPEC is not known. */
static void
what_is_not_tcp_declares_nobody(void **state)
{
	static const unsigned families[] = { UDP4, UDP6, UNIX_STREAM,
		UNIX_DGRAM };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(families); i++) {
		begin(PROXY, families[i]);
		add_many('/', addresses_of(families[i]));
		finish();
		check_nobody();
		add_tlv(NOOP, "abc", 3);
		check_nobody();
		add("", 1); /* not a TLV */
		finish();
		check_bad(made.length);
	}
}

/* With what is there, if anything, not looked at: without a family nobody
 * knows where TLVs would begin. */
static void
unspec_declares_nobody(void **state)
{
	static const unsigned families[] = { UNSPEC, 0x01, 0x02, 0x10, 0x20,
		0x30 };
	static const size_t lengths[] = { 1, 2, 3, 11, 12, 36, 216, 217 };
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(families); i++) {
		begin(PROXY, families[i]);
		check_nobody();
		for (n = 0; n < COUNT(lengths); n++) {
			begin(PROXY, families[i]);
			add_many(CRC32C, lengths[n]);
			finish();
			check_nobody();
		}
	}
}

/* The rest is discarded, "including the family which is ignored". */
static void
local_declares_nobody(void **state)
{
	static const size_t lengths[] = { 1, 2, 3, 12, 36, 216, 500 };
	unsigned family;
	size_t n;

	(void)state;
	for (family = 0; family <= 0xff; family++) {
		begin(LOCAL, family);
		check_nobody();
		add_many(CRC32C, lengths[family % COUNT(lengths)]);
		finish();
		check_nobody();
	}
	for (n = 0; n < COUNT(lengths); n++) {
		begin(LOCAL, TCP4);
		add_many(0xff, lengths[n]);
		finish();
		check_nobody();
	}
}

static void
the_length_has_two_bytes(void **state)
{
	static const size_t lengths[] = { 255, 256, 257, 0x1234, 0xff00,
		REST_MAX };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lengths); i++) {
		begin(LOCAL, UNSPEC);
		add_many('\n', lengths[i]);
		finish();
		check_nobody();
	}
	assert_int_equal(made.length, PLAN_PROXY_HEADER_MAX);
}

/* A whole header is awaited. */
static void
a_part_of_a_header_is_awaited(void **state)
{
	size_t length;

	(void)state;
	begin_tcp4();
	add_tlv(ALPN, "h2", 2);
	for (length = made.length; made.length > 0; made.length--)
		if (made.length < length)
			check_unfinished();
	begin(LOCAL, UNSPEC);
	set_pair(14, REST_MAX);
	add_many(0, REST_MAX - 1);
	check_unfinished();
}

static void
version_2_is_not_a_line(void **state)
{
	struct header header = { made.bytes, 0, PLAN_PROXY_V1, PROXY_BAD, 1,
		headers_addr(NULL, 0), headers_addr(NULL, 0) };

	(void)state;
	begin_tcp4();
	header.length = made.length;
	headers_check(&header);
}

/* ---------------------------------------------------------------------- TLVs */

static void
tlvs_are_skipped(void **state)
{
	static const struct {
		unsigned type;
		const char *value;
	} rows[] = { { ALPN, "h2" }, { AUTHORITY, "a.example" }, { NOOP, "" },
		{ NOOP, "xxx" }, { UNIQUE_ID, "" }, { UNIQUE_ID, "id" },
		{ NETNS, "blue" }, { SSL_VERSION, "TLSv1.3" }, { 0, "" },
		{ 0xe0, "custom" }, { 0xf7, "\r\n" }, { 0xff, "PROXY " } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++) {
		begin_tcp4();
		add_tlv(rows[i].type, rows[i].value, strlen(rows[i].value));
		check_tcp4();
	}
	begin_tcp4();
	for (i = 0; i < COUNT(rows); i++)
		add_tlv(rows[i].type, rows[i].value, strlen(rows[i].value));
	check_tcp4();
}

static void
tlvs_of_all_types_may_be_empty(void **state)
{
	unsigned type;

	(void)state;
	begin_tcp4();
	for (type = 0; type <= 0xff; type++)
		if (type != CRC32C)
			add_tlv(type, "", 0);
	check_tcp4();
}

/* What is in it is the sender's, whatever it says. */
static void
what_is_nested_is_not_looked_at(void **state)
{
	static const char ssl[] = "\7\0\0\0\0"
		"\x21\0\7TLSv1.3" "\x22\0\x0b" "example.com" "\3\0\1x"
		"\5\1\0" "\x23\xff\xff";

	(void)state;
	begin_tcp4();
	add_tlv(SSL, ssl, sizeof(ssl) - 1);
	check_tcp4();
	add_tlv(NOOP, "", 0);
	check_tcp4();
}

static void
tlvs_may_fill_the_header(void **state)
{
	(void)state;
	begin_tcp4();
	add_padding(NOOP, REST_MAX - 12 - 3);
	assert_int_equal(made.length, PLAN_PROXY_HEADER_MAX);
	check_tcp4();
	begin_tcp4();
	while (made.length < PLAN_PROXY_HEADER_MAX)
		add_tlv(NOOP, "", 0);
	assert_int_equal(made.length, PLAN_PROXY_HEADER_MAX);
	check_tcp4();
	begin_tcp4();
	add_padding(SSL, 255);
	add_padding(SSL, 256);
	add_padding(SSL, 0x1234);
	check_tcp4();
}

static void
a_unique_id_has_128_bytes_at_most(void **state)
{
	(void)state;
	begin_tcp4();
	add_padding(UNIQUE_ID, 128);
	add_padding(NOOP, 129);
	add_padding(UNIQUE_ID, 127);
	check_tcp4();
	begin_tcp4();
	add_padding(UNIQUE_ID, 129);
	check_bad(28 + 3);
	begin_tcp4();
	add_padding(NOOP, 2);
	add_padding(UNIQUE_ID, 256);
	check_bad(28 + 5 + 3);
}

/* Seen at its head. */
static void
a_tlv_beyond_the_header_is_bad(void **state)
{
	static const size_t beyond[] = { 1, 2, 255, 256, 65535 - 4 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(beyond); i++) {
		begin_tcp4();
		add_tlv(ALPN, "abcd", 4);
		set_pair(28 + 1, 4 + beyond[i]);
		check_bad(28 + 3);
	}
	begin_tcp4();
	add_tlv(ALPN, "h2", 2);
	add_tlv(NETNS, "", 0);
	set_pair(28 + 5 + 1, 1);
	check_bad(28 + 5 + 3);
}

static void
what_is_left_over_is_bad(void **state)
{
	static const unsigned types[] = { 0, ALPN, CRC32C, NOOP };
	size_t i, n;

	(void)state;
	for (i = 0; i < COUNT(types); i++)
		for (n = 1; n < 3; n++) {
			begin_tcp4();
			add_many((int)types[i], 1);
			add_many(0, n - 1);
			finish();
			check_bad(made.length);
			begin_tcp4();
			add_tlv(ALPN, "h2", 2);
			add_many((int)types[i], 1);
			add_many(0, n - 1);
			finish();
			check_bad(made.length);
		}
}

/* ------------------------------------------------------------------- the sum */

static void
our_sum_is_crc32c(void **state)
{
	(void)state;
	assert_int_equal(sum_of("123456789", 9), 0xe3069283);
	begin(LOCAL, UNSPEC);
	add_many(0, 32);
	assert_int_equal(sum_of(made.bytes + FIXED, 32), 0x8a9136aa);
	add_many(0xff, 32);
	assert_int_equal(sum_of(made.bytes + FIXED + 32, 32), 0x62a8ab43);
}

/* First, in between, last, alone. */
static void
a_right_sum_is_good_at_every_place(void **state)
{
	size_t at, place, i;

	(void)state;
	for (place = 0; place < 4; place++) {
		begin_tcp4();
		for (at = i = 0; i < 4; i++) {
			if (i == place)
				at = add_sum();
			add_tlv(AUTHORITY, "example.com", i * 3);
		}
		set_sum(at);
		check_tcp4();
	}
	begin_tcp4();
	set_sum(add_sum());
	check_tcp4();
}

static void
a_right_sum_is_good_of_every_family(void **state)
{
	static const unsigned families[] = { UDP4, UDP6, UNIX_STREAM,
		UNIX_DGRAM };
	size_t i, at;

	(void)state;
	for (i = 0; i < COUNT(families); i++) {
		begin(PROXY, families[i]);
		add_many('a', addresses_of(families[i]));
		at = add_sum();
		set_sum(at);
		check_nobody();
		made.bytes[at] ^= 1;
		check_bad(made.length);
	}
	begin(PROXY, TCP6);
	add_many(1, 36);
	at = add_sum();
	set_sum(at);
	check_as(PROXY_GOOD, made.length,
	    headers_addr("101:101:101:101:101:101:101:101", 0x101),
	    headers_addr("101:101:101:101:101:101:101:101", 0x101));
}

/* Each bit of it, and of what it is about. */
static void
a_wrong_sum_is_bad(void **state)
{
	size_t bit, at;

	(void)state;
	for (bit = FIXED * 8; bit < (28 + 3 + 4 + 3 + 2) * 8; bit++) {
		if (bit / 8 >= 28 && bit / 8 < 31)
			continue; /* the sum's own type and length */
		if (bit / 8 >= 36 && bit / 8 < 38)
			continue; /* the other's length */
		begin_tcp4();
		at = add_sum();
		add_tlv(ALPN, "h2", 2);
		set_sum(at);
		made.bytes[bit / 8] ^= (char)(1 << bit % 8);
		if (bit / 8 == 35 && made.bytes[35] == CRC32C)
			check_bad(38);
		else
			check_bad(made.length);
	}
}

/* It is not to be taken as 0 in the sum, nor as one that is not there. */
static void
a_sum_of_zero_is_compared(void **state)
{
	(void)state;
	begin_tcp4();
	add_sum();
	check_bad(made.length);
	begin_tcp4();
	add_tlv(CRC32C, "\xff\xff\xff\xff", 4);
	check_bad(made.length);
}

static void
a_sum_has_four_bytes(void **state)
{
	static const size_t lengths[] = { 0, 1, 3, 5, 8, 4 + 256 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(lengths); i++) {
		begin_tcp4();
		add_padding(CRC32C, lengths[i]);
		check_bad(28 + 3);
	}
}

/* Whichever of them was meant. */
static void
two_sums_are_bad(void **state)
{
	size_t at;

	(void)state;
	begin_tcp4();
	at = add_sum();
	add_sum();
	set_sum(at);
	check_bad(28 + 7 + 3);
	begin_tcp4();
	at = add_sum();
	add_tlv(NOOP, "", 0);
	add_padding(CRC32C, 3);
	set_sum(at);
	check_bad(28 + 7 + 3 + 3);
}

static void
a_long_header_is_summed_too(void **state)
{
	size_t at;

	(void)state;
	begin_tcp4();
	add_padding(NOOP, 30000);
	at = add_sum();
	add_padding(NOOP, REST_MAX - 12 - 3 - 30000 - 7 - 3);
	assert_int_equal(made.length, PLAN_PROXY_HEADER_MAX);
	set_sum(at);
	check_tcp4();
	made.bytes[made.length - 1] ^= 0x40;
	check_bad(made.length);
}

/* There the sum is none: what follows is not looked at. */
static void
nobody_is_declared_without_a_sum(void **state)
{
	(void)state;
	begin(LOCAL, UNSPEC);
	add_sum();
	check_nobody();
	begin(PROXY, UNSPEC);
	add_sum();
	check_nobody();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tcp_declares_client_and_server),
		cmocka_unit_test(addresses_of_zeros_and_ones_are_declared),
		cmocka_unit_test(mapped_addresses_stay_mapped),
		cmocka_unit_test(each_byte_of_the_signature_counts),
		cmocka_unit_test(other_versions_and_commands_are_bad),
		cmocka_unit_test(other_families_and_protocols_are_bad),
		cmocka_unit_test(too_short_for_the_addresses_is_bad),
		cmocka_unit_test(what_is_not_tcp_declares_nobody),
		cmocka_unit_test(unspec_declares_nobody),
		cmocka_unit_test(local_declares_nobody),
		cmocka_unit_test(the_length_has_two_bytes),
		cmocka_unit_test(a_part_of_a_header_is_awaited),
		cmocka_unit_test(version_2_is_not_a_line),
		cmocka_unit_test(tlvs_are_skipped),
		cmocka_unit_test(tlvs_of_all_types_may_be_empty),
		cmocka_unit_test(what_is_nested_is_not_looked_at),
		cmocka_unit_test(tlvs_may_fill_the_header),
		cmocka_unit_test(a_unique_id_has_128_bytes_at_most),
		cmocka_unit_test(a_tlv_beyond_the_header_is_bad),
		cmocka_unit_test(what_is_left_over_is_bad),
		cmocka_unit_test(our_sum_is_crc32c),
		cmocka_unit_test(a_right_sum_is_good_at_every_place),
		cmocka_unit_test(a_right_sum_is_good_of_every_family),
		cmocka_unit_test(a_wrong_sum_is_bad),
		cmocka_unit_test(a_sum_of_zero_is_compared),
		cmocka_unit_test(a_sum_has_four_bytes),
		cmocka_unit_test(two_sums_are_bad),
		cmocka_unit_test(a_long_header_is_summed_too),
		cmocka_unit_test(nobody_is_declared_without_a_sum),
	};

	return cmocka_run_group_tests_name("proxy", tests, NULL, NULL);
}
