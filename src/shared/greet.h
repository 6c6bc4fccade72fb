/* A message with variables: compiled once, rendered for each client. */
#ifndef SHARED_GREET_H
#define SHARED_GREET_H

#include <stddef.h>
#include <stdint.h>

#include "shared/addr.h"

/*
 * In the text of a message %{NAME} is a variable; a '%' that is not followed by
 * '{' stands for itself.  %{time} is RFC 3339 in UTC, %{time:FORMAT} the result
 * of utc_format() for FORMAT, which cannot contain a '}'.
 */
enum greet_what {
	GREET_LITERAL, /* bytes of the text */
	GREET_CLIENT_IP,
	GREET_CLIENT_PORT,
	GREET_SERVER_IP,
	GREET_SERVER_PORT,
	GREET_LISTENER,
	GREET_HOSTNAME,
	GREET_ID,
	GREET_CLIENTS,
	GREET_TIME,
	GREET_TIME_FORMAT, /* length of the format */
	GREET_UNIXTIME,
	GREET_REASON,
	GREET_LIMIT,
	GREET_RETRY_AFTER,
	GREET_STATE,
	GREET_UNTIL,
};

/* Plain data without pointers: the text may move. */
struct greet_segment {
	uint32_t what; /* enum greet_what */
	uint32_t offset; /* from the start of the text */
	uint32_t length;
};

/* Stands for an address, a port or an id that is not known: no client has the port
 * or the id 0. */
#define GREET_UNKNOWN_WORD "-"

/* The values of the variables.  Text longer than GREET_WORD_MAX is cut. */
struct greet_values {
	struct addr client;
	struct addr server;
	const char *listener;
	const char *hostname;
	const char *reason;
	const char *state; /* of the listener, shared/state.h */
	int64_t until; /* seconds since 1970: its end; 0: not known */
	uint64_t id;
	int64_t time; /* seconds since 1970; before that is 1970 */
	uint32_t clients;
	uint32_t limit; /* 0: none, or not known */
	uint32_t retry_after; /* seconds; 1 if not known; 0: never */
};

/* A text with all variables filled in, bytes.  As much as the smallest send
 * buffer of tcp(7), tcp_wmem, so that one send takes it whole. */
#define GREET_MESSAGE_MAX 4096

#define GREET_WORD_MAX 64 /* a listener's name; HOST_NAME_MAX of limits.h */

enum greet_error {
	GREET_GOOD,
	GREET_UNCLOSED, /* "%{" without "}" */
	GREET_UNKNOWN, /* no variable of that name */
	GREET_BAD_TIME, /* not a format for a time */
};

/* What greet_compile() found. */
struct greet_size {
	size_t segments;
	size_t longest; /* bytes that the message can become */
	size_t where; /* the offset of the error */
};

/*
 * Splits text (length bytes, below 4 GiB) into segments and says in *size how
 * many there are.  Stores the first room of them, none when segments is NULL.
 * A segment covers at least one byte of the text.
 */
enum greet_error greet_compile(const char *text, size_t length,
    struct greet_segment *segments, size_t room, struct greet_size *size);

/*
 * Writes the message of n segments of text to out, which has room for
 * greet_size.longest bytes, without a NUL.  Returns the number of bytes.
 * Values are not interpreted: a "%{" in one is just two bytes.
 */
size_t greet_render(const struct greet_segment *segments, size_t n,
    const char *text, const struct greet_values *values, char *out);

#endif
