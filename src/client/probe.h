/* One greeting, fetched and measured, for those who judge it or report it. */
#ifndef CLIENT_PROBE_H
#define CLIENT_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/connect.h"
#include "client/json.h"
#include "client/resolve.h"
#include "client/status.h"

/* Bytes of a greeting that are kept: much more than anyone greets with. */
#define PROBE_TEXT_MAX 65536

/* What came of it. */
struct probe {
	enum status status;
	char label[CONNECT_LABEL_MAX]; /* of the server; "" before that */
	uint64_t bytes; /* that arrived */
	double first_byte; /* seconds since the start; 0: none came */
	double seconds; /* from the start, name look-up included, to the end */
	size_t length; /* of text: bytes, at most PROBE_TEXT_MAX */
	char text[PROBE_TEXT_MAX];
};

/*
 * Looks up the target, connects, and reads until the end of the stream or the
 * deadline.  Fills *probe in; its status is as of fetch_greeting(), and when it
 * is not STATUS_OK output_error() has been called.
 */
void probe_run(
    const struct target *target, int64_t deadline, struct probe *probe);

/* Runs, prints one JSON object, and returns the status. */
enum status probe_print(const struct target *target, int64_t deadline);

/* Writes what it is about, as members of an object that has been begun. */
void probe_json(struct json *json, const struct probe *probe);

#endif
