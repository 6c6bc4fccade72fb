/* What clients say: nothing, HTTP heads, PROXY headers, good and bad. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "reliability/soak/request.h"

enum {
	IN_PLAIN = 1 << FORMAT_PLAIN,
	IN_HTTP = 1 << FORMAT_HTTP,
	IN_AGENT = 1 << FORMAT_AGENT,
	IN_HOLD = 1 << FORMAT_HOLD,
	IN_ALL = IN_PLAIN | IN_HTTP | IN_AGENT | IN_HOLD,
	IN_PROXIED = 1 << FORMATS /* of any format */
};

struct row {
	unsigned share;
	unsigned in;
};

static const struct row rows[MANNERS] = {
	[MANNER_READ] = { 600, IN_ALL },
	[MANNER_TALK] = { 60, IN_PLAIN | IN_AGENT },
	[MANNER_PIECES] = { 60, IN_HTTP | IN_PROXIED },
	[MANNER_HEAD] = { 60, IN_HTTP },
	[MANNER_SLOW] = { 30, IN_PLAIN | IN_HTTP },
	[MANNER_STAY] = { 60, IN_PLAIN | IN_HTTP | IN_AGENT },
	[MANNER_BAD] = { 40, IN_HTTP | IN_PROXIED },
	[MANNER_STUCK] = { 8, IN_HTTP | IN_PROXIED },
	[MANNER_RESET] = { 40, IN_ALL },
	[MANNER_FIRST] = { 40, IN_ALL },
	[MANNER_LEAVE] = { 40, IN_ALL },
	[MANNER_HALF] = { 40, IN_HTTP | IN_PROXIED },
};

static bool
has(const struct target *target, const struct row *row)
{
	return (row->in & 1u << target->format) != 0 ||
	    (target->is_proxied && (row->in & IN_PROXIED) != 0);
}

enum manner
request_manner(const struct target *target, uint32_t random)
{
	unsigned i, all = 0;

	for (i = 0; i < MANNERS; i++)
		if (has(target, &rows[i]))
			all += rows[i].share;
	random %= all;
	for (i = 0; i < MANNERS; i++) {
		if (!has(target, &rows[i]))
			continue;
		if (random < rows[i].share)
			break;
		random -= rows[i].share;
	}
	return (enum manner)i;
}

static void
put(struct request *request, const void *bytes, size_t length)
{
	memcpy(request->bytes + request->length, bytes, length);
	request->length += length;
}

static void
put_text(struct request *request, const char *text)
{
	put(request, text, strlen(text));
}

/* Version 1 (proxy-protocol.txt, 2.1), or 2 (2.2) with PROXY, TCP over IPv4 */
static void
put_header(struct request *request, uint64_t random, struct got *got)
{
	unsigned char binary[] = { '\r', '\n', '\r', '\n', '\0', '\r', '\n',
		'Q', 'U', 'I', 'T', '\n', 0x21, 0x11, 0, 12, 10, 0, 0, 0, 192,
		0, 2, 1, 0, 0, 0, 80 };
	unsigned a = random & 0xff, b = random >> 8 & 0xff,
		 c = random >> 16 & 0xff, port = random >> 24 & 0xffff;
	char text[108];

	port += port == 0;
	snprintf(got->who, sizeof(got->who), " 10.%u.%u.%u %u", a, b, c, port);
	if (random >> 40 & 1) {
		snprintf(text, sizeof(text),
		    "PROXY TCP4 10.%u.%u.%u 192.0.2.1 %u 80\r\n", a, b, c,
		    port);
		put_text(request, text);
		return;
	}
	binary[17] = (unsigned char)a;
	binary[18] = (unsigned char)b;
	binary[19] = (unsigned char)c;
	binary[24] = (unsigned char)(port >> 8);
	binary[25] = (unsigned char)port;
	put(request, binary, sizeof(binary));
}

static void
put_wrong_header(struct request *request, struct got *got)
{
	put_text(request, "PROXY TCP4 not an address\r\n");
	got->less = (uint16_t)~0u;
	got->more = 1u << KIND_SILENT;
}

/* What is right where a client has no request that is good. */
static void
expect_error(struct got *got, enum kind kind)
{
	got->less |= 1u << KIND_READY | 1u << KIND_DRAIN |
	    1u << KIND_MAINTENANCE | 1u << KIND_DOWN;
	got->more |= 1u << kind;
}

static void
put_head(struct request *request, enum manner manner, struct got *got)
{
	if (manner == MANNER_BAD) {
		put_text(request, "What is your name?\r\n\r\n");
		expect_error(got, KIND_BAD_REQUEST);
		return;
	}
	if (manner == MANNER_STUCK)
		expect_error(got, KIND_REQUEST_TIMEOUT);
	got->is_head = manner == MANNER_HEAD;
	put_text(request, got->is_head ? "HEAD" : "GET");
	put_text(request, " /soak HTTP/1.1\r\nHost: soak\r\n\r\n");
}

void
request_make(struct request *request, enum manner manner, uint64_t random,
    struct got *got)
{
	bool http = got->target->format == FORMAT_HTTP;

	request->length = 0;
	if (got->target->is_proxied && manner == MANNER_BAD && !http)
		put_wrong_header(request, got);
	else if (got->target->is_proxied)
		put_header(request, random, got);
	if (got->target->is_proxied && manner == MANNER_STUCK && !http) {
		got->less = (uint16_t)~0u;
		got->more = 1u << KIND_SILENT;
	}
	request->first = request->length / 2;
	if (http) {
		request->first = request->length;
		put_head(request, manner, got);
		request->first += (request->length - request->first) / 2;
	}
	if (manner == MANNER_TALK)
		put_text(request, "hello, I speak first\r\n");
	if (manner != MANNER_PIECES && manner != MANNER_STUCK &&
	    manner != MANNER_HALF)
		request->first = request->length;
}
