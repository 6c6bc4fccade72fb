/* A message with variables. */
#include "config.h"

#include "shared/greet.h"

#include <string.h>

#include "shared/utc.h"

#define NUMBER_MAX 20 /* digits of a uint64_t */
#define NUMBER32_MAX 10
#define PORT_MAX 5

static const struct variable {
	const char *name;
	uint32_t what;
	uint32_t longest;
} variables[] = {
	{ "client_ip", GREET_CLIENT_IP, ADDR_TEXT_MAX - 1 },
	{ "client_port", GREET_CLIENT_PORT, PORT_MAX },
	{ "server_ip", GREET_SERVER_IP, ADDR_TEXT_MAX - 1 },
	{ "server_port", GREET_SERVER_PORT, PORT_MAX },
	{ "listener", GREET_LISTENER, GREET_WORD_MAX },
	{ "hostname", GREET_HOSTNAME, GREET_WORD_MAX },
	{ "id", GREET_ID, NUMBER_MAX },
	{ "clients", GREET_CLIENTS, NUMBER32_MAX },
	{ "time", GREET_TIME, sizeof("2026-11-22T16:21:07Z") - 1 },
	{ "unixtime", GREET_UNIXTIME, NUMBER_MAX },
	{ "reason", GREET_REASON, GREET_WORD_MAX },
	{ "limit", GREET_LIMIT, NUMBER32_MAX },
	{ "retry_after", GREET_RETRY_AFTER, NUMBER32_MAX },
	{ "state", GREET_STATE, sizeof("maintenance") - 1 },
	{ "until", GREET_UNTIL, sizeof("2026-11-22T16:21:07Z") - 1 },
};

static const char time_prefix[] = "time:";
#define TIME_PREFIX_LENGTH (sizeof(time_prefix) - 1)

/* ------------------------------------------------------------- compiling */

struct compiler {
	const char *text;
	struct greet_segment *segments;
	size_t room;
	struct greet_size *size;
};

static void
add(struct compiler *compiler, enum greet_what what, size_t offset,
    size_t length, size_t longest)
{
	struct greet_size *size = compiler->size;

	if (compiler->segments != NULL && size->segments < compiler->room)
		compiler->segments[size->segments] =
		    (struct greet_segment){ (uint32_t)what, (uint32_t)offset,
			    (uint32_t)length };
	size->segments++;
	size->longest += longest;
}

/* The name between the braces: length bytes at offset. */
static enum greet_error
add_variable(struct compiler *compiler, size_t offset, size_t length)
{
	const char *name = compiler->text + offset;
	int longest;
	size_t i;

	if (length > TIME_PREFIX_LENGTH &&
	    memcmp(name, time_prefix, TIME_PREFIX_LENGTH) == 0) {
		offset += TIME_PREFIX_LENGTH;
		length -= TIME_PREFIX_LENGTH;
		longest = utc_measure(compiler->text + offset, length);
		if (longest == -1)
			return GREET_BAD_TIME;
		add(compiler, GREET_TIME_FORMAT, offset, length,
		    (size_t)longest);
		return GREET_GOOD;
	}
	for (i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
		if (strlen(variables[i].name) == length &&
		    memcmp(variables[i].name, name, length) == 0) {
			add(compiler, variables[i].what, offset, length,
			    variables[i].longest);
			return GREET_GOOD;
		}
	return GREET_UNKNOWN;
}

/* Where the next variable starts, or end when there is none. */
static const char *
find_variable(const char *at, const char *end)
{
	const char *found;

	while (
	    at < end && (found = memchr(at, '%', (size_t)(end - at))) != NULL) {
		if (end - found > 1 && found[1] == '{')
			return found;
		at = found + 1;
	}
	return end;
}

enum greet_error
greet_compile(const char *text, size_t length, struct greet_segment *segments,
    size_t room, struct greet_size *size)
{
	struct compiler compiler = { text, segments, room, size };
	const char *at = text, *end = text + length, *start, *brace;
	enum greet_error error = GREET_GOOD;

	*size = (struct greet_size){ 0 };
	while (at < end && error == GREET_GOOD) {
		start = find_variable(at, end);
		if (start > at)
			add(&compiler, GREET_LITERAL, (size_t)(at - text),
			    (size_t)(start - at), (size_t)(start - at));
		if (start == end)
			break;
		size->where = (size_t)(start - text);
		brace = memchr(start, '}', (size_t)(end - start));
		if (brace == NULL)
			return GREET_UNCLOSED;
		error = add_variable(
		    &compiler, size->where + 2, (size_t)(brace - start) - 2);
		at = brace + 1;
	}
	return error;
}

/* ------------------------------------------------------------- rendering */

static size_t
put_number(uint64_t number, char *out)
{
	char digits[NUMBER_MAX];
	size_t n = 0, i = sizeof(digits);

	do
		digits[--i] = (char)('0' + number % 10);
	while ((number /= 10) > 0);
	n = sizeof(digits) - i;
	memcpy(out, digits + i, n);
	return n;
}

static size_t
put_word(const char *word, char *out)
{
	size_t n = strnlen(word, GREET_WORD_MAX);

	memcpy(out, word, n);
	return n;
}

/* A number that is never 0 when it is known. */
static size_t
put_known(uint64_t number, char *out)
{
	return number == 0 ? put_word(GREET_UNKNOWN_WORD, out) :
			     put_number(number, out);
}

static size_t
put_address(const struct addr *addr, char *out)
{
	char text[ADDR_TEXT_MAX];
	size_t n = strlen(addr_format(addr, text));

	memcpy(out, text, n);
	return n;
}

static size_t
put_segment(const struct greet_segment *segment, const char *text,
    const struct greet_values *values, char *out)
{
	const char *bytes = text + segment->offset;

	switch (segment->what) {
	case GREET_CLIENT_IP:
		return put_address(&values->client, out);
	case GREET_CLIENT_PORT:
		return put_known(values->client.port, out);
	case GREET_SERVER_IP:
		return put_address(&values->server, out);
	case GREET_SERVER_PORT:
		return put_known(values->server.port, out);
	case GREET_LISTENER:
		return put_word(values->listener, out);
	case GREET_HOSTNAME:
		return put_word(values->hostname, out);
	case GREET_ID:
		return put_known(values->id, out);
	case GREET_CLIENTS:
		return put_number(values->clients, out);
	case GREET_TIME:
		return utc_format(
		    values->time, UTC_RFC3339, sizeof(UTC_RFC3339) - 1, out);
	case GREET_TIME_FORMAT:
		return utc_format(values->time, bytes, segment->length, out);
	case GREET_UNIXTIME:
		return put_number(
		    values->time > 0 ? (uint64_t)values->time : 0, out);
	case GREET_REASON:
		return put_word(values->reason, out);
	case GREET_LIMIT:
		return put_number(values->limit, out);
	case GREET_RETRY_AFTER:
		return put_number(values->retry_after, out);
	case GREET_STATE:
		return put_word(values->state, out);
	case GREET_UNTIL:
		return values->until == 0 ? 0 :
		    utc_format(values->until, UTC_RFC3339,
			sizeof(UTC_RFC3339) - 1, out);
	default:
		memcpy(out, bytes, segment->length);
		return segment->length;
	}
}

size_t
greet_render(const struct greet_segment *segments, size_t n, const char *text,
    const struct greet_values *values, char *out)
{
	size_t i, length = 0;

	for (i = 0; i < n; i++)
		length += put_segment(&segments[i], text, values, out + length);
	return length;
}
