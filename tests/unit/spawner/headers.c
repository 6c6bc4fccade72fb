/* Headers of the PROXY protocol for tests: taken however they are split. */
#include "config.h"

#include "unit/spawner/headers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shared/addr.h"

#define TEXT 72 /* bytes of a header that a failure shows */
#define GUARD 0x5a
#define MANY 600 /* bytes; a longer one is split at some places only */
#define FEW 24

/* A client's first bytes, which could go on with a header, or be one. */
static const char behind[] =
    "\n\r\n\0GET / HTTP/1.1\r\n\r\nPROXY UNKNOWN\r\n\r\n\r\n\0\r\nQUIT\n";

struct addr
headers_addr(const char *text, uint16_t port)
{
	struct addr addr = { 0 };

	if (text == NULL)
		return addr;
	assert_int_equal(addr_parse(&addr, text), 0);
	addr.port = port;
	return addr;
}

/* What can be shown of the header. */
static const char *
text_of(const struct header *header)
{
	static char text[TEXT];
	size_t i;

	for (i = 0; i < header->length && i < sizeof(text) - 1; i++)
		text[i] = header->bytes[i] >= ' ' && header->bytes[i] < 0x7f ?
		    header->bytes[i] : '.';
	text[i] = '\0';
	return text;
}

/* Takes bytes from memory of their exact size, for a checker of memory. */
static size_t
take(struct proxy *proxy, const char *bytes, size_t n)
{
	char *exact = malloc(n > 0 ? n : 1);
	size_t taken;

	assert_non_null(exact);
	if (n > 0)
		memcpy(exact, bytes, n);
	taken = proxy_take(proxy, exact, n);
	free(exact);
	return taken;
}

static void
assert_declared(const struct header *header, const struct proxy *proxy)
{
	struct plan_declared declared;

	memset(&declared, 'x', sizeof(declared));
	proxy_declared(proxy, &declared);
	if (declared.length != header->decides)
		fail_msg("'%s': declares %u bytes", text_of(header),
		    (unsigned)declared.length);
	if (!addr_equal(&declared.client, &header->client))
		fail_msg("'%s': another client", text_of(header));
	if (!addr_equal(&declared.server, &header->server))
		fail_msg("'%s': another server", text_of(header));
}

/* So many bytes have come. */
static void
assert_judged(const struct header *header, const struct proxy *proxy,
    size_t come, size_t taken)
{
	size_t want = come < header->decides ? come : header->decides;
	enum proxy_verdict verdict =
	    come < header->decides ? PROXY_UNFINISHED : header->verdict;

	if (proxy->verdict != verdict)
		fail_msg("'%s': after %zu of %zu bytes %u, not %d",
		    text_of(header), come, header->decides,
		    (unsigned)proxy->verdict, (int)verdict);
	if (taken != want || proxy->length != want)
		fail_msg("'%s': takes %zu bytes, not %zu", text_of(header),
		    taken, want);
	if (verdict == PROXY_GOOD)
		assert_declared(header, proxy);
}

/* In pieces: one of first bytes, then those of step bytes each. */
static void
check_split(const struct header *header, const char *bytes, size_t length,
    size_t first, size_t step)
{
	struct {
		struct proxy proxy;
		char behind;
	} memory = { { .versions = header->versions }, GUARD };
	size_t taken = take(&memory.proxy, bytes, first);
	size_t at, n;

	assert_judged(header, &memory.proxy, first, taken);
	for (at = first; at < length; at += n) {
		n = step < length - at ? step : length - at;
		taken += take(&memory.proxy, bytes + at, n);
		assert_judged(header, &memory.proxy, at + n, taken);
	}
	assert_int_equal(memory.behind, GUARD);
}

static void
check_bytes(const struct header *header, const char *bytes, size_t length)
{
	size_t step = length > MANY ? length / FEW : 1;
	size_t first;

	check_split(header, bytes, length, 0, 1);
	check_split(header, bytes, length, length, 1);
	for (first = 0; first <= length; first += step)
		check_split(header, bytes, length, first, length);
}

void
headers_check(const struct header *header)
{
	size_t length = header->length + sizeof(behind);
	char *bytes;

	check_bytes(header, header->bytes, header->length);
	if (header->verdict == PROXY_UNFINISHED)
		return;
	bytes = malloc(length);
	assert_non_null(bytes);
	memcpy(bytes, header->bytes, header->length);
	memcpy(bytes + header->length, behind, sizeof(behind));
	check_bytes(header, bytes, length);
	free(bytes);
}
