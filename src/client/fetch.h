/* Fetching one greeting, from connect(2) to the end of the stream. */
#ifndef CLIENT_FETCH_H
#define CLIENT_FETCH_H

#include <stdint.h>

#include "client/resolve.h"
#include "client/status.h"

/*
 * Connects to the first of peers that accepts, writes what it sends to standard
 * output as it arrives, and returns at the server's end of stream; nothing is
 * sent.  Each peer gets an equal share of the time left, so that a silent one
 * leaves time for the next.  On success standard output is closed, to catch the
 * errors that only close(2) reports.  Returns STATUS_OK, or prints one line and
 * returns another status; when no peer accepts, both are as connect_first() has
 * them.
 */
enum status fetch_greeting(
    const struct target *target, const struct peers *peers, int64_t deadline);

#endif
