/* Heads of requests, however they are split: spawner/request.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "spawner/image/request.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define TOKEN "!#$%&'*+-.^_`|~09azAZ"
#define GET "GET / HTTP/1.1\r\n"

/* The whole text, or its first bytes up to what decides. */
struct row {
	const char *text;
	size_t decides; /* bytes; 0: all of them */
	bool is_head;
};

struct judged {
	enum request_verdict verdict;
	size_t length;
	bool is_head;
};

/* Takes bytes from memory of their exact size, for a checker of memory. */
static enum request_verdict
take(struct request *request, const char *bytes, size_t n)
{
	char *exact = malloc(n > 0 ? n : 1);
	enum request_verdict verdict;

	assert_non_null(exact);
	memcpy(exact, bytes, n);
	verdict = request_take(request, exact, n);
	free(exact);
	return verdict;
}

/* In pieces: one of first bytes, then those of step bytes each. */
static struct judged
judged(const char *text, size_t length, size_t first, size_t step)
{
	struct request request = { 0 };
	enum request_verdict verdict = take(&request, text, first);
	size_t at, n;

	for (at = first; at < length; at += n) {
		n = step < length - at ? step : length - at;
		verdict = take(&request, text + at, n);
	}
	return (struct judged) { verdict, request.length, request.is_head };
}

static void
assert_judged(const char *text, struct judged got, struct judged want)
{
	if (got.verdict != want.verdict)
		fail_msg("'%s': verdict %d, not %d", text, (int)got.verdict,
		    (int)want.verdict);
	if (got.length != want.length)
		fail_msg("'%s': after %zu bytes, not %zu", text, got.length,
		    want.length);
	if (got.verdict == REQUEST_GOOD && got.is_head != want.is_head)
		fail_msg("'%s': HEAD: %d", text, got.is_head);
}

/* Split at every byte, and byte by byte. */
static void
check(const char *text, size_t length, struct judged want)
{
	size_t first;

	for (first = 0; first <= length; first++)
		assert_judged(text,
		    judged(text, length, first, length), want);
	assert_judged(text, judged(text, length, 0, 1), want);
}

/* What comes after that which decides changes nothing; what comes before
 * decides nothing. */
static void
check_row(const struct row *row, enum request_verdict verdict)
{
	size_t length = strlen(row->text);
	size_t decides = row->decides == 0 ? length : row->decides;
	struct judged want = { verdict, decides, row->is_head };
	struct judged before = { REQUEST_UNFINISHED, decides - 1, false };
	char text[256];

	check(row->text, length, want);
	check(row->text, decides - 1, before);
	snprintf(text, sizeof(text), "%s\r\n" GET "\r\n\x16\x03", row->text);
	check(text, strlen(text), want);
}

static void
check_rows(const struct row *rows, size_t n, enum request_verdict verdict)
{
	size_t i;

	for (i = 0; i < n; i++)
		check_row(&rows[i], verdict);
}

static void
heads_are_good(void **state)
{
	static const struct row rows[] = {
		{ GET "\r\n", 0, false },
		{ "GET / HTTP/1.0\r\n\r\n", 0, false },
		{ "GET / HTTP/1.9\r\n\r\n", 0, false },
		{ GET "Host: a\r\nAccept: */*\r\n\r\n", 0, false },
		{ "POST /a?b=%20#c HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
		    47, false },
		{ "OPTIONS * HTTP/1.1\r\n\r\n", 0, false },
		{ "CONNECT a:443 HTTP/1.1\r\n\r\n", 0, false },
		{ TOKEN " x HTTP/1.1\r\n\r\n", 0, false },
		{ "GET \x80\xff HTTP/1.1\r\n\r\n", 0, false },
		{ "GET HTTP/1.1 HTTP/1.1\r\n\r\n", 0, false },
		{ "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n", 18, false },
	};

	(void)state;
	check_rows(rows, COUNT(rows), REQUEST_GOOD);
}

/* CR LF and LF, mixed; a CR elsewhere in a field is a byte of it. */
static void
lines_may_end_in_lf(void **state)
{
	static const struct row rows[] = {
		{ "GET / HTTP/1.1\n\n", 0, false },
		{ "GET / HTTP/1.1\n\r\n", 0, false },
		{ "GET / HTTP/1.1\r\n\n", 0, false },
		{ "GET / HTTP/1.1\nHost: a\r\nB: c\n\r\n", 0, false },
		{ "GET / HTTP/1.1\r\nHost: a\n\n", 0, false },
		{ GET "\rHost: a\r\r\n\r\r\n\r\n", 0, false },
		{ GET "a\r\r\n\n\r\n", 21, false },
	};

	(void)state;
	check_rows(rows, COUNT(rows), REQUEST_GOOD);
}

static void
fields_may_have_any_bytes(void **state)
{
	static const struct row rows[] = {
		{ GET ": \r\n \r\n\t\r\n\r\n", 0, false },
		{ GET "no colon\r\n\x01\x7f\xff\r\n\r\n", 0, false },
		{ GET "Host: a\r\n\vHTTP/1.1\r\n\r\n", 0, false },
	};
	static const char nul[] = GET "\0\0\r\n\0\r\n\r\n";

	(void)state;
	check_rows(rows, COUNT(rows), REQUEST_GOOD);
	check(nul, sizeof(nul) - 1,
	    (struct judged) { REQUEST_GOOD, sizeof(nul) - 1, false });
}

static void
empty_lines_may_come_first(void **state)
{
	static const struct row rows[] = {
		{ "\r\n" GET "\r\n", 0, false },
		{ "\n" GET "\r\n", 0, false },
		{ "\r\n\n\r\n\n\n" GET "\n", 0, false },
		{ "\r\nHEAD / HTTP/1.1\r\n\r\n", 0, true },
	};

	(void)state;
	check_rows(rows, COUNT(rows), REQUEST_GOOD);
}

static void
only_head_is_head(void **state)
{
	static const struct row rows[] = {
		{ "HEAD / HTTP/1.1\r\n\r\n", 0, true },
		{ "HEAD HEAD HTTP/1.0\n\n", 0, true },
		{ "GET HEAD HTTP/1.1\r\nHEAD: x\r\n\r\n", 0, false },
		{ "head / HTTP/1.1\r\n\r\n", 0, false },
		{ "HEADS / HTTP/1.1\r\n\r\n", 0, false },
		{ "HEADHEAD / HTTP/1.1\r\n\r\n", 0, false },
		{ "HEA / HTTP/1.1\r\n\r\n", 0, false },
		{ "H / HTTP/1.1\r\n\r\n", 0, false },
		{ "XHEAD / HTTP/1.1\r\n\r\n", 0, false },
		{ "HHEAD / HTTP/1.1\r\n\r\n", 0, false },
		{ "HEXAD / HTTP/1.1\r\n\r\n", 0, false },
	};

	(void)state;
	check_rows(rows, COUNT(rows), REQUEST_GOOD);
}

/* Each is bad with its last byte, or with an earlier one. */
static void
other_request_lines_are_bad(void **state)
{
	static const struct row rows[] = {
		{ "GET /\r", 0, false }, /* HTTP/0.9 */
		{ "GET /\n", 0, false },
		{ "GET /\r\n", 6, false },
		{ "GET\n", 0, false },
		{ "GET\r", 0, false },
		{ "GET \n", 0, false },
		{ "GET \r", 0, false },
		{ " ", 0, false },
		{ "GET  ", 0, false },
		{ "GET HTTP/1.1\r", 0, false }, /* no target */
		{ "/ HTTP/1.1", 1, false }, /* no method */
		{ "GET /  ", 0, false },
		{ "GET / \r", 0, false },
		{ "GET / a", 0, false },
		{ "GET / h", 0, false },
		{ "GET / HTTP/2", 0, false },
		{ "GET / HTTP/0", 0, false },
		{ "GET / HTTP/1/", 0, false },
		{ "GET / HTTP/1.\r", 0, false },
		{ "GET / HTTP/1.a", 0, false },
		{ "GET / HTTP/1.:", 0, false },
		{ "GET / HTTP/1.1 ", 0, false },
		{ "GET / HTTP/1.11", 0, false },
		{ "GET / HTTP/1.1\r\r", 0, false },
		{ "GET / HTTP/1.1\rHost", 16, false },
		{ "GET / HTTPS", 0, false },
		{ "GET\t", 0, false },
		{ "G(T", 2, false },
		{ "G\x80T", 2, false },
		{ "G\x7f", 0, false },
		{ "GET /\x7f", 0, false },
		{ "GET \x1f", 0, false },
		{ "GET /\t", 0, false },
		{ "\x16\x03\x01\x02", 1, false }, /* TLS */
		{ "\r\r", 0, false },
		{ "\rGET", 2, false },
		{ "\n ", 0, false },
		{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 12, false },
		{ "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n", 12, false },
	};

	(void)state;
	check_rows(rows, COUNT(rows), REQUEST_BAD);
}

/* Each byte in each place of a request line. */
static void
bytes_have_their_places(void **state)
{
	char method[] = "xM / HTTP/1.1\n\n", target[] = "M /x HTTP/1.1\n\n";
	char digit[] = "M / HTTP/1.x\n\n";
	int byte;

	(void)state;
	for (byte = 0; byte < 256; byte++) {
		bool is_token = byte != 0 && strchr(TOKEN, byte) != NULL;
		bool is_digit = byte >= '0' && byte <= '9';

		is_token = is_token || is_digit ||
		    (byte >= 'a' && byte <= 'z') ||
		    (byte >= 'A' && byte <= 'Z');
		method[0] = target[3] = digit[11] = (char)byte;
		assert_int_equal(judged(method, 15, 0, 15).verdict,
		    is_token || byte == '\n' ? REQUEST_GOOD : REQUEST_BAD);
		assert_int_equal(judged(target, 15, 0, 15).verdict,
		    byte > ' ' && byte != 0x7f ? REQUEST_GOOD : REQUEST_BAD);
		assert_int_equal(judged(digit, 14, 0, 14).verdict,
		    is_digit ? REQUEST_GOOD : REQUEST_BAD);
	}
}

static void
half_a_head_is_unfinished(void **state)
{
	static const char *const texts[] = { "", "\r", "\r\n\n", "G", "GET ",
		"GET / HTTP/1.1", "GET / HTTP/1.1\r", GET, GET "\r",
		GET "Host: a", GET "Host: a\r\n", GET "Host: a\r\n\r" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++)
		check(texts[i], strlen(texts[i]),
		    (struct judged) { REQUEST_UNFINISHED, strlen(texts[i]),
			false });
}

/* A head of so many bytes that is whole with the last one. */
static char *
head_of(const char *line, size_t length)
{
	static char text[REQUEST_HEAD_MAX + 100];

	memset(text, 'x', sizeof(text));
	memcpy(text, line, strlen(line));
	memcpy(text + length - 4, "\r\n\r\n", 4);
	return text;
}

static void
a_head_has_its_bound(void **state)
{
	static const size_t steps[] = { 1, 2, 3, 1000, REQUEST_HEAD_MAX - 1,
		REQUEST_HEAD_MAX, REQUEST_HEAD_MAX + 50 };
	const size_t most = REQUEST_HEAD_MAX;
	struct judged good = { REQUEST_GOOD, most, false };
	struct judged large = { REQUEST_TOO_LARGE, most, false };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(steps); i++) {
		assert_judged("8192", judged(head_of(GET, most), most + 50, 0,
		    steps[i]), good);
		assert_judged("8193", judged(head_of(GET, most + 1), most + 50,
		    0, steps[i]), large);
		assert_judged("target", judged(head_of("GET /", most),
		    most + 50, 0, steps[i]), (struct judged) { REQUEST_BAD,
			most - 3, false });
		assert_judged("long", judged(head_of("GET /", most + 10),
		    most + 50, 0, steps[i]), large);
		assert_judged("lines", judged(memset(head_of("", most), '\n',
		    most), most, 0, steps[i]), large);
	}
	assert_judged("8191", judged(head_of(GET, most), most - 1, 0, most),
	    (struct judged) { REQUEST_UNFINISHED, most - 1, false });
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(heads_are_good),
		cmocka_unit_test(lines_may_end_in_lf),
		cmocka_unit_test(fields_may_have_any_bytes),
		cmocka_unit_test(empty_lines_may_come_first),
		cmocka_unit_test(only_head_is_head),
		cmocka_unit_test(other_request_lines_are_bad),
		cmocka_unit_test(bytes_have_their_places),
		cmocka_unit_test(half_a_head_is_unfinished),
		cmocka_unit_test(a_head_has_its_bound),
	};

	return cmocka_run_group_tests_name("request", tests, NULL, NULL);
}
