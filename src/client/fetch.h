/* One greeting, from connect(2) to the end of the stream. */
#ifndef CLIENT_FETCH_H
#define CLIENT_FETCH_H

#include <stdint.h>

#include "client/resolve.h"
#include "client/status.h"

/*
 * Connects to the first of peers that lets us, writes what comes to standard
 * output as it comes, and ends with the server's end of stream; nothing is
 * sent.  Each peer gets an equal share of the time that is left, so that a
 * silent one leaves time for the next.  Closes standard output when all went
 * well, to see the errors that only close(2) tells.  Returns STATUS_OK, or
 * prints one line and returns another status; when no peer let us, both are
 * those of the first.
 */
enum status fetch_greeting(
    const struct target *target, const struct peers *peers, int64_t deadline);

#endif
