/* What is counted against an address, as numbers that another process can take
 * over. */
#ifndef MASTER_CLIENTS_LEVELS_H
#define MASTER_CLIENTS_LEVELS_H

#include <stdint.h>

struct addr;
struct admit;

/* There is no such limit. */
#define LEVELS_NONE INT64_C(-1)

struct levels {
	int64_t clients; /* of its source, that a limit counts */
	/* Of the buckets, in the unit of bucket.h, or LEVELS_NONE: */
	int64_t source; /* limits.rate_per_source */
	int64_t listener; /* limits.rate of the listener */
	int64_t daemon; /* limits.rate of the daemon */
};

/* What admit counts against the address in that listener. */
void levels_take(struct levels *levels, const struct admit *admit,
    uint32_t listener, const struct addr *peer, int64_t now);

/* Makes admit, which counts nothing yet, count the same.  A bucket that levels
 * do not have is full, as after a reload that adds its limit. */
void levels_give(const struct levels *levels, struct admit *admit,
    uint32_t listener, const struct addr *peer, int64_t now);

#endif
