/* The line that is the header of the PROXY protocol's version 1. */
#include "config.h"

#include "spawner/image/line.h"

#include <sys/socket.h>

#include <stdint.h>

#define GROUPS 8 /* of an IPv6 address */
#define NO_GAP (GROUPS + 1)

/* What is left of a line.  At its end stands a CR, which is none of the bytes that
 * are looked for: whoever takes only these does not go beyond it. */
struct rest {
	const char *at;
	const char *end;
};

static bool
is_next(struct rest *rest, char wanted)
{
	if (*rest->at != wanted)
		return false;
	rest->at++;
	return true;
}

/* Takes all of it, or nothing. */
static bool
is_word(struct rest *rest, const char *wanted)
{
	struct rest after = *rest;

	for (; *wanted != '\0'; wanted++)
		if (!is_next(&after, *wanted))
			return false;
	*rest = after;
	return true;
}

/* 16 for what is no digit. */
static unsigned
digit_of(char byte)
{
	unsigned decimal = (unsigned)byte - '0';
	unsigned letter = ((unsigned)byte | 0x20) - 'a';

	if (decimal <= 9)
		return decimal;
	return letter <= 5 ? letter + 10 : 16;
}

/* A decimal number up to max, without leading zeros. */
static bool
number_take(struct rest *rest, uint32_t max, uint32_t *number)
{
	const char *start = rest->at;
	unsigned digit;

	*number = 0;
	for (; (digit = digit_of(*rest->at)) <= 9; rest->at++) {
		*number = *number * 10 + digit;
		if (*number > max || (rest->at > start && *start == '0'))
			return false;
	}
	return rest->at > start;
}

static bool
inet_take(struct rest *rest, uint8_t *bytes)
{
	uint32_t number;
	unsigned i;

	for (i = 0; i < 4; i++) {
		if (i > 0 && !is_next(rest, '.'))
			return false;
		if (!number_take(rest, 255, &number))
			return false;
		bytes[i] = (uint8_t)number;
	}
	return true;
}

/* Does a group begin, or go on? */
static bool
is_group(const struct rest *rest)
{
	return digit_of(*rest->at) < 16;
}

/* One to four hexadecimal digits. */
static bool
group_take(struct rest *rest, uint8_t *bytes)
{
	uint32_t number = 0;
	unsigned n = 0;

	while (is_group(rest)) {
		if (++n > 4)
			return false;
		number = number << 4 | digit_of(*rest->at++);
	}
	bytes[0] = (uint8_t)(number >> 8);
	bytes[1] = (uint8_t)number;
	return n > 0;
}

/* A group, or the last two in IPv4's notation; before: how many groups there are
 * already.  Returns how many it took, 0: neither. */
static unsigned
groups_take(struct rest *rest, uint8_t *bytes, unsigned before)
{
	const char *start = rest->at;

	if (before == GROUPS || !group_take(rest, bytes))
		return 0;
	if (*rest->at != '.')
		return 1;
	rest->at = start;
	return before <= GROUPS - 2 && inet_take(rest, bytes) ? 2 : 0;
}

/* Moves the groups from gap on to the end: those in between are 0. */
static void
gap_fill(uint8_t *bytes, unsigned gap, unsigned n)
{
	unsigned i;

	for (i = n * 2; i > gap * 2; i--) {
		bytes[(GROUPS - n) * 2 + i - 1] = bytes[i - 1];
		bytes[i - 1] = 0;
	}
}

/* Is there a "::" at this place, where a gap is to be noted once only? */
static bool
is_gap(struct rest *rest, unsigned *gap, unsigned n)
{
	if (rest->at[0] != ':' || rest->at[1] != ':' || *gap != NO_GAP)
		return false;
	rest->at += 2;
	*gap = n;
	return true;
}

static bool
inet6_take(struct rest *rest, uint8_t *bytes)
{
	unsigned n = 0, gap = NO_GAP, got;

	is_gap(rest, &gap, n);
	while (gap != n || is_group(rest)) {
		got = groups_take(rest, bytes + n * 2, n);
		n += got;
		if (got == 0)
			return false;
		if (got == 2 || *rest->at != ':')
			break;
		if (!is_gap(rest, &gap, n))
			rest->at++;
	}
	if (gap == NO_GAP)
		return n == GROUPS;
	if (n == GROUPS)
		return false;
	gap_fill(bytes, gap, n);
	return true;
}

static bool
address_take(struct rest *rest, struct addr *addr)
{
	return is_next(rest, ' ') &&
	    (addr->family == AF_INET ? inet_take(rest, addr->bytes) :
				       inet6_take(rest, addr->bytes));
}

static bool
port_take(struct rest *rest, struct addr *addr)
{
	uint32_t number;

	if (!is_next(rest, ' ') || !number_take(rest, 65535, &number))
		return false;
	addr->port = (uint16_t)number;
	return true;
}

/* What comes after "PROXY TCP4" or "PROXY TCP6". */
static bool
both_take(struct rest *rest, uint8_t family, struct plan_declared *declared)
{
	struct addr client = { .family = family }, server = client;

	if (!address_take(rest, &client) || !address_take(rest, &server) ||
	    !port_take(rest, &client) || !port_take(rest, &server) ||
	    rest->at != rest->end)
		return false;
	if (declared != NULL) {
		declared->client = client;
		declared->server = server;
	}
	return true;
}

bool
line_parse(const char *line, size_t n, struct plan_declared *declared)
{
	struct rest rest = { line, line + n - 2 };

	if (*rest.end != '\r' || !is_word(&rest, "PROXY "))
		return false;
	if (is_word(&rest, "UNKNOWN"))
		return rest.at == rest.end || *rest.at == ' ';
	if (!is_word(&rest, "TCP"))
		return false;
	if (is_next(&rest, '4'))
		return both_take(&rest, AF_INET, declared);
	return is_next(&rest, '6') && both_take(&rest, AF_INET6, declared);
}
