/* Lines, the headers of the PROXY protocol's version 1: proxy-protocol.txt of
 * HAProxy, 2.1, rule by rule; spawner/image/line.c and proxy.c. */
#include "config.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "spawner/image/proxy.h"
#include "unit/seeded.h"
#include "unit/spawner/headers.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define END "\r\n"
#define PORTS " 1 2" END
#define FULL "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
#define DOTTED "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255"
#define X30 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X90 X30 X30 X30

/* A line that declares somebody. */
struct named {
	const char *line;
	const char *client;
	const char *server;
	uint16_t ports[2]; /* client's, server's */
};

/* A line that does not, and how many of its bytes decide that; 0: all. */
struct row {
	const char *line;
	size_t decides;
};

static void
check_versions(struct header *header)
{
	header->versions = HEADERS_BOTH;
	headers_check(header);
	header->versions = PLAN_PROXY_V1;
	headers_check(header);
}

static void
check_named(const struct named *rows, size_t n)
{
	struct header header = { .verdict = PROXY_GOOD };
	size_t i;

	for (i = 0; i < n; i++) {
		header.bytes = rows[i].line;
		header.length = header.decides = strlen(rows[i].line);
		header.client = headers_addr(rows[i].client, rows[i].ports[0]);
		header.server = headers_addr(rows[i].server, rows[i].ports[1]);
		check_versions(&header);
	}
}

static void
check_rows(const struct row *rows, size_t n, enum proxy_verdict verdict)
{
	struct header header = { .verdict = verdict };
	size_t i;

	for (i = 0; i < n; i++) {
		header.bytes = rows[i].line;
		header.length = strlen(rows[i].line);
		header.decides = rows[i].decides > 0 ? rows[i].decides :
						       header.length;
		check_versions(&header);
	}
}

/* --------------------------------------------------------------- good lines */

/* The text's own, the shortest, the longest. */
static void
lines_declare_client_and_server(void **state)
{
	static const struct named rows[] = {
		{ "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r\n",
		    "192.168.0.1", "192.168.0.11", { 56324, 443 } },
		{ "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
		    "255.255.255.255", "255.255.255.255", { 65535, 65535 } },
		{ "PROXY TCP6 " FULL " " FULL " 65535 65535\r\n", FULL, FULL,
		    { 65535, 65535 } },
		{ "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0", "0.0.0.0",
		    { 0, 0 } },
		{ "PROXY TCP6 :: :: 0 0\r\n", "::", "::", { 0, 0 } },
		{ "PROXY TCP4 1.20.30.200 10.100.199.9 9 99\r\n",
		    "1.20.30.200", "10.100.199.9", { 9, 99 } },
		{ "PROXY TCP4 249.250.254.239 1.2.3.4 999 9999\r\n",
		    "249.250.254.239", "1.2.3.4", { 999, 9999 } },
		{ "PROXY TCP6 2001:db8::1 2001:db8:0:1::2 65529 10000\r\n",
		    "2001:db8::1", "2001:db8:0:1::2", { 65529, 10000 } },
	};

	(void)state;
	assert_int_equal(strlen(rows[1].line), 56);
	assert_int_equal(strlen(rows[2].line), 104);
	check_named(rows, COUNT(rows));
}

/* Both cases, one to four digits, "::" at every place. */
static void
all_forms_of_ipv6_are_taken(void **state)
{
	static const struct named rows[] = {
		{ "PROXY TCP6 1:2:3:4:5:6:7:8 8:7:6:5:4:3:2:1" PORTS,
		    "1:2:3:4:5:6:7:8", "8:7:6:5:4:3:2:1", { 1, 2 } },
		{ "PROXY TCP6 2001:DB8::aBcD 2001:db8::ABCD" PORTS,
		    "2001:db8::abcd", "2001:db8::abcd", { 1, 2 } },
		{ "PROXY TCP6 0001:0020:0300:4000:0:0000:00:000f ::f" PORTS,
		    "1:20:300:4000::f", "::f", { 1, 2 } },
		{ "PROXY TCP6 1:: ::1" PORTS, "1::", "::1", { 1, 2 } },
		{ "PROXY TCP6 1::8 1:2::7:8" PORTS, "1:0:0:0:0:0:0:8",
		    "1:2:0:0:0:0:7:8", { 1, 2 } },
		{ "PROXY TCP6 ::2:3:4:5:6:7:8 1:2:3:4:5:6:7::" PORTS,
		    "0:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:0", { 1, 2 } },
		{ "PROXY TCP6 1:2:3:4::6:7:8 1:2:3::5:6:7:8" PORTS,
		    "1:2:3:4:0:6:7:8", "1:2:3:0:5:6:7:8", { 1, 2 } },
		{ "PROXY TCP6 ::9:a:b ::A:B:C:D:E:F" PORTS, "::9:a:b",
		    "0:0:a:b:c:d:e:f", { 1, 2 } },
		{ "PROXY TCP6 1:2:: 1:2:3:4::" PORTS, "1:2:0:0:0:0:0:0",
		    "1:2:3:4:0:0:0:0", { 1, 2 } },
	};

	(void)state;
	check_named(rows, COUNT(rows));
}

/* As inet_ntop(3) writes an address that stands for one of IPv4; whose it is, the
 * master says. */
static void
ipv6_may_end_in_ipv4(void **state)
{
	static const struct named rows[] = {
		{ "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:198.51.100.255" PORTS,
		    "::ffff:c000:201", "::ffff:c633:64ff", { 1, 2 } },
		{ "PROXY TCP6 ::ffff:c000:201 ::FFFF:c633:64ff" PORTS,
		    "::ffff:c000:201", "::ffff:c633:64ff", { 1, 2 } },
		{ "PROXY TCP6 ::192.0.2.1 64:ff9b::0.0.0.0" PORTS,
		    "::c000:201", "64:ff9b::", { 1, 2 } },
		{ "PROXY TCP6 1:2:3:4:5:6:7.8.9.10 1::6:7.8.9.10" PORTS,
		    "1:2:3:4:5:6:708:90a", "1:0:0:0:0:6:708:90a", { 1, 2 } },
		{ "PROXY TCP6 ::2:3:4:5:6:7.8.9.10 1:2:3:4:5::7.8.9.10" PORTS,
		    "0:2:3:4:5:6:708:90a", "1:2:3:4:5:0:708:90a", { 1, 2 } },
		{ "PROXY TCP6 " DOTTED " 1:2:3:4:5:6:1.2.3.4" PORTS, FULL,
		    "1:2:3:4:5:6:102:304", { 1, 2 } },
	};

	(void)state;
	check_named(rows, COUNT(rows));
}

/* Whatever comes before CR LF, up to 107 bytes. */
static void
unknown_declares_nobody(void **state)
{
	static const struct row rows[] = {
		{ "PROXY UNKNOWN\r\n", 0 },
		{ "PROXY UNKNOWN \r\n", 0 },
		{ "PROXY UNKNOWN 192.0.2.1 192.0.2.2 1 2\r\n", 0 },
		{ "PROXY UNKNOWN " FULL " " FULL " 65535 65535\r\n", 0 },
		{ "PROXY UNKNOWN  x\t\x01\x7f\x80\xff PROXY TCP4\r\n", 0 },
		{ "PROXY UNKNOWN\r\nPROXY UNKNOWN\r\n", 15 },
	};

	(void)state;
	assert_int_equal(strlen(rows[0].line), PLAN_PROXY_HEADER_MIN);
	assert_int_equal(strlen(rows[3].line), PROXY_LINE_MAX);
	check_rows(rows, COUNT(rows), PROXY_GOOD);
}

static void
unknown_may_contain_nul(void **state)
{
	struct header header = { .bytes = "PROXY UNKNOWN \0\0x\r\n",
		.length = 19, .decides = 19, .verdict = PROXY_GOOD };

	(void)state;
	check_versions(&header);
}

/* ---------------------------------------------------------------- bad lines */

static void
the_beginning_is_exact(void **state)
{
	static const struct row rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", 1 },
		{ "\x16\x03\x01", 1 },
		{ "\nPROXY UNKNOWN\r\n", 1 },
		{ " PROXY UNKNOWN\r\n", 1 },
		{ "proxy UNKNOWN\r\n", 1 },
		{ "POXY UNKNOWN\r\n", 2 },
		{ "PrOXY UNKNOWN\r\n", 2 },
		{ "PRoXY UNKNOWN\r\n", 3 },
		{ "PROxY UNKNOWN\r\n", 4 },
		{ "PROXy UNKNOWN\r\n", 5 },
		{ "PROXYUNKNOWN\r\n", 6 },
		{ "PROXY\tUNKNOWN\r\n", 6 },
		{ "PROXY\r\n", 6 },
		{ "PROXY\n", 6 },
		{ "PROXY \n", 0 },
		{ "PROXY \r\n", 0 },
		{ "PROXY  UNKNOWN\r\n", 0 },
		{ "PROXY  TCP4 1.2.3.4 5.6.7.8" PORTS, 0 },
	};

	(void)state;
	check_rows(rows, COUNT(rows), PROXY_BAD);
}

static void
the_protocol_is_exact(void **state)
{
	static const struct row rows[] = {
		{ "PROXY UNKNOWNX\r\n", 0 },
		{ "PROXY UNKNOWN\t1.2.3.4\r\n", 0 },
		{ "PROXY UNKNOW\r\n", 0 },
		{ "PROXY unknown\r\n", 0 },
		{ "PROXY TCP\r\n", 0 },
		{ "PROXY TCP4\r\n", 0 },
		{ "PROXY TCP6\r\n", 0 },
		{ "PROXY TCP 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCP ::1 ::2" PORTS, 0 },
		{ "PROXY TCP5 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY tcp4 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY Tcp4 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TcP4 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCp4 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY UDP4 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCP44 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCP46 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY 4 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY INET 1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCP4 UNKNOWN\r\n", 0 },
	};

	(void)state;
	check_rows(rows, COUNT(rows), PROXY_BAD);
}

static void
fields_are_parted_by_one_space(void **state)
{
	static const struct row rows[] = {
		{ "PROXY TCP4  1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCP4 1.2.3.4  5.6.7.8" PORTS, 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8  1 2\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8  2\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1  2\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 \r\n", 0 },
		{ "PROXY TCP4\t1.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCP4 1.2.3.4\t5.6.7.8" PORTS, 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8\t1 2\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1\t2\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\t\r\n", 0 },
		{ "PROXY TCP4 1.2.3.45.6.7.8" PORTS, 0 },
		{ "PROXY TCP41.2.3.4 5.6.7.8" PORTS, 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 12\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 \r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 \r\n", 0 },
		{ "PROXY TCP4 1.2.3.4\r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 1 2\r\n", 0 },
		{ "PROXY TCP4 \r\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2 3\r\n", 0 },
		{ "PROXY TCP6 ::1  ::2" PORTS, 0 },
		{ "PROXY TCP6 ::1 ::2 1 2 \r\n", 0 },
		{ "PROXY TCP6 ::1\r\n", 0 },
		{ "PROXY TCP6 \r\n", 0 },
		{ "PROXY TCP6::1 ::2" PORTS, 0 },
	};

	(void)state;
	check_rows(rows, COUNT(rows), PROXY_BAD);
}

/* -------------------------------------------------------------- its numbers */

static void
ports_are_plain_numbers(void **state)
{
	static const char *const ports[] = { "65536", "65537", "65540", "70000",
		"99999", "655350", "65536000000", "4294967296", "4294967297",
		"18446744073709551617", "00", "01", "00000", "010", "-1", "+1",
		"0x1", "1a", "a", "f", "1.", "1,", ":", "/", "1:" };
	char line[PROXY_LINE_MAX + 1];
	const struct row row = { line, 0 };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ports); i++) {
		snprintf(line, sizeof(line),
		    "PROXY TCP4 1.2.3.4 5.6.7.8 %s 2" END, ports[i]);
		check_rows(&row, 1, PROXY_BAD);
		snprintf(line, sizeof(line),
		    "PROXY TCP6 ::1 ::2 1 %s" END, ports[i]);
		check_rows(&row, 1, PROXY_BAD);
	}
}

/* In both places of a line with a good one. */
static void
check_address(const char *protocol, const char *good, const char *bad)
{
	char line[PROXY_LINE_MAX + 1];
	const struct row row = { line, 0 };

	snprintf(line, sizeof(line), "PROXY %s %s %s" PORTS, protocol, bad,
	    good);
	check_rows(&row, 1, PROXY_BAD);
	snprintf(line, sizeof(line), "PROXY %s %s %s" PORTS, protocol, good,
	    bad);
	check_rows(&row, 1, PROXY_BAD);
}

static void
ipv4_is_four_plain_numbers(void **state)
{
	static const char *const texts[] = { "1.2.3", "1.2.3.", ".1.2.3",
		"1..2.3", "1.2.3.4.", "1.2.3.4.5", "1.2.3.256", "256.2.3.4",
		"1.260.3.4", "1.300.3.4", "1.2.1000.4", "1.2.3.4294967297",
		"01.2.3.4", "1.02.3.4", "1.2.3.04", "00.0.0.0", "1.2.3.00",
		"1.2.3.000", "0x1.2.3.4", "1.2.3.a", "a.2.3.4", "1.2.3.4a",
		"-1.2.3.4", "+1.2.3.4", "1,2.3.4", "1:2:3:4", "16909060",
		"1.2.772", "localhost", "1.2.3.4/32", "1.2.3.4:5", "::1",
		"::ffff:1.2.3.4", "[1.2.3.4]", "1.2.3.4%lo" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		check_address("TCP4", "5.6.7.8", texts[i]);
}

static void
ipv6_is_eight_groups(void **state)
{
	static const char *const texts[] = { "1.2.3.4", "1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:", ":1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:",
		"1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8",
		"1:2:3:4::5:6:7:8", "1::2::3", "::1::", ":::", "1:::2", ":::1",
		"1:::", ":", ":1", "1:", "1", "::g", "::12345", "12345::",
		"::00001", "1:2:3:4:5:6:7:00008", "::1%lo", "[::1]", "::1/128",
		"::1.2.3", "::1.2.3.4.5", "::1.2.3.256", "::1.2.3.04",
		"::01.2.3.4", "::1.2.3.4:5", "::1.2.3.4::", "1.2.3.4::",
		"1:2:3:4:5:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4",
		"::1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6::1.2.3.4",
		"1:2:3:4:5:6:7::1.2.3.4", "::a.2.3.4", "::1.a.3.4", "::.1.2.3",
		"1:2:3:4:5:6:1.2.3.4:", "::-1", "::+1", "::1-", "::@", "::G",
		"::`" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		check_address("TCP6", "::5", texts[i]);
}

/* ------------------------------------------------------- the end of the line */

static void
only_cr_lf_ends_the_line(void **state)
{
	static const struct row rows[] = {
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 23\n", 0 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\n\r\n", 31 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n", 32 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\rGET", 32 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r 3\r\n", 32 },
		{ "PROXY TCP4 1.2.3.4 5.6.7.8 1\n2\r\n", 29 },
		{ "PROXY TCP4\r\n1.2.3.4 5.6.7.8" PORTS, 12 },
		{ "PROXY UNKNOWN\n", 0 },
		{ "PROXY UNKNOWN\r\r\n", 15 },
		{ "PROXY UNKNOWN\rx\r\n", 15 },
		{ "PROXY UNKNOWN x\n y\r\n", 16 },
		{ "PROXY UNKNOWN x\r y\r\n", 17 },
		{ "PROXY \rUNKNOWN\r\n", 8 },
	};

	(void)state;
	check_rows(rows, COUNT(rows), PROXY_BAD);
}

static void
a_line_has_107_bytes_at_most(void **state)
{
	static const struct row good[] = {
		{ "PROXY UNKNOWN " X90 "x" END, 0 },
		{ "PROXY UNKNOWN " X90 END, 0 },
	};
	static const struct row bad[] = {
		{ "PROXY UNKNOWN " X90 "xx" END, 107 },
		{ "PROXY UNKNOWN " X90 "xxx" END, 107 },
		{ "PROXY UNKNOWN " X90 "xxxx" END, 107 },
		{ "PROXY UNKNOWN " X90 X90, 107 },
		{ "PROXY TCP6 " DOTTED " " DOTTED " 1 2" END, 107 },
	};

	(void)state;
	assert_int_equal(strlen(good[0].line), 107);
	assert_int_equal(strlen(bad[0].line), 108);
	check_rows(good, COUNT(good), PROXY_GOOD);
	check_rows(bad, COUNT(bad), PROXY_BAD);
}

/* Nothing is decided before LF. */
static void
a_line_is_awaited(void **state)
{
	static const struct row rows[] = {
		{ "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443\r", 0 },
		{ "PROXY TCP4 192.168.0.1 192.168.0.11 56324 443", 0 },
		{ "PROXY UNKNOWN\r", 0 },
		{ "PROXY UNKNOWN " X90 "x\r", 0 },
		{ "PROXY TCP7 ", 0 },
		{ "PROXY", 0 },
		{ "P", 0 },
		{ "", 0 },
	};

	(void)state;
	check_rows(rows, COUNT(rows), PROXY_UNFINISHED);
}

static void
a_line_is_not_version_2(void **state)
{
	struct header header = { .bytes = "PROXY UNKNOWN\r\n", .length = 15,
		.versions = PLAN_PROXY_V2, .verdict = PROXY_BAD, .decides = 1 };

	(void)state;
	headers_check(&header);
}

/* ------------------------------------------------------------- inet_pton(3) */

/* Pieces of addresses, put together. */
static void
text_make(char *text, size_t room)
{
	static const char *const pieces[] = { "::", ":", ":", ":", ":", ".",
		".", ".", "0", "1", "9", "00", "01", "10", "255", "256", "ffff",
		"FfFf", "abcd", "12345", "g", "1:2:3", "4:5:6:7", "a::", "::b",
		"1.2.3.4", "0.0.0.0", "::ffff:", "1:2:3:4:5:6:", "-", "%" };
	unsigned n = seeded_below(10) + 1;
	size_t length = 0;
	const char *piece;

	for (text[0] = '\0'; n > 0; n--) {
		piece = pieces[seeded_below(COUNT(pieces))];
		if (length + strlen(piece) >= room)
			return;
		memcpy(text + length, piece, strlen(piece) + 1);
		length += strlen(piece);
	}
}

/* An address in its longest form, its shortest, or in between, and now and then
 * a byte of it is another. */
static void
address_make(char *text, size_t room)
{
	uint16_t group[8];
	uint8_t bytes[16];
	unsigned i;

	for (i = 0; i < 8; i++) {
		group[i] = seeded_below(2) ? 0 : (uint16_t)seeded_number();
		bytes[i * 2] = (uint8_t)(group[i] >> 8);
		bytes[i * 2 + 1] = (uint8_t)group[i];
	}
	if (seeded_below(2))
		inet_ntop(AF_INET6, bytes, text, (socklen_t)room);
	else
		snprintf(text, room, "%x:%04x:%X:%x:%x:%x:%u.%u.%u.%u",
		    group[0], group[1], group[2], group[3], group[4], group[5],
		    bytes[12], bytes[13], bytes[14], bytes[15]);
	if (seeded_below(2))
		text[seeded_below((unsigned)strlen(text))] =
		    "0123456789abcdefABCDEF:::...g"[seeded_below(29)];
}

/* What inet_pton(3) takes is taken as the same address, nothing else is.  Returns
 * whether it was. */
static bool
assert_as_inet_pton(int family, const char *text)
{
	struct proxy proxy = { .versions = PLAN_PROXY_V1 };
	struct plan_declared declared;
	uint8_t bytes[16] = { 0 };
	char line[2 * PROXY_LINE_MAX];
	bool takes = inet_pton(family, text, bytes) == 1;
	int n = snprintf(line, sizeof(line), "PROXY TCP%c %s %s 1 2" END,
	    family == AF_INET ? '4' : '6', text, text);

	if (n > PROXY_LINE_MAX)
		return false;
	proxy_take(&proxy, line, (size_t)n);
	if (proxy.verdict != (takes ? PROXY_GOOD : PROXY_BAD))
		fail_msg("'%s': %u", text, (unsigned)proxy.verdict);
	if (!takes)
		return false;
	proxy_declared(&proxy, &declared);
	if (memcmp(declared.client.bytes, bytes, sizeof(bytes)) != 0 ||
	    memcmp(declared.server.bytes, bytes, sizeof(bytes)) != 0)
		fail_msg("'%s': another address", text);
	return true;
}

static void
addresses_are_those_of_inet_pton(void **state)
{
	unsigned taken[3] = { 0 }, i;
	char text[INET6_ADDRSTRLEN + 16];

	(void)state;
	seeded_begin();
	for (i = 0; i < 50000; i++) {
		text_make(text, sizeof(text));
		taken[0] += assert_as_inet_pton(AF_INET, text);
		taken[1] += assert_as_inet_pton(AF_INET6, text);
		address_make(text, sizeof(text));
		taken[2] += assert_as_inet_pton(AF_INET6, text);
	}
	assert_in_range(taken[0], 100, i / 2);
	assert_in_range(taken[1], 100, i / 2);
	assert_in_range(taken[2], i / 10, i - 100);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_declare_client_and_server),
		cmocka_unit_test(all_forms_of_ipv6_are_taken),
		cmocka_unit_test(ipv6_may_end_in_ipv4),
		cmocka_unit_test(unknown_declares_nobody),
		cmocka_unit_test(unknown_may_contain_nul),
		cmocka_unit_test(the_beginning_is_exact),
		cmocka_unit_test(the_protocol_is_exact),
		cmocka_unit_test(fields_are_parted_by_one_space),
		cmocka_unit_test(ports_are_plain_numbers),
		cmocka_unit_test(ipv4_is_four_plain_numbers),
		cmocka_unit_test(ipv6_is_eight_groups),
		cmocka_unit_test(only_cr_lf_ends_the_line),
		cmocka_unit_test(a_line_has_107_bytes_at_most),
		cmocka_unit_test(a_line_is_awaited),
		cmocka_unit_test(a_line_is_not_version_2),
		cmocka_unit_test(addresses_are_those_of_inet_pton),
	};

	return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
