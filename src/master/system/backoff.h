/* Backing off from a resource that has run out, for longer and longer, without
 * spinning and without filling the log. */
#ifndef MASTER_BACKOFF_H
#define MASTER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#include "master/system/clock.h"

/* Service must resume within a second after the resource is back. */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_LONGEST_MS 500
/* A condition that comes and goes is logged at most this often. */
#define BACKOFF_LOG_SECONDS 10

/* Start with BACKOFF_NONE. */
struct backoff {
	int64_t until; /* clock_now() of the next attempt; CLOCK_NEVER: none */
	int64_t delay; /* microseconds */
	int64_t log_next;
	const char *said; /* what the log has as paused; NULL: nothing */
};

#define BACKOFF_NONE ((struct backoff) { .until = CLOCK_NEVER })

/* what (static text) has failed with error: no further attempt before
 * backoff->until.  Logs a warning. */
void backoff_fail(
    struct backoff *backoff, const char *what, int error, int64_t now);

/* An attempt has succeeded.  Logs that what failed works again. */
void backoff_succeed(struct backoff *backoff);

/*
 * Ends a pause whose time is over.  Call it in each turn before anything that
 * asks backoff_waits(): until then backoff->until stays a deadline that has
 * passed, so that no pause can be slept through.
 */
void backoff_step(struct backoff *backoff, int64_t now);

/* Some of what had run out is free again: a pause ends with the next
 * backoff_step(). */
static inline void
backoff_hasten(struct backoff *backoff)
{
	if (backoff->until != CLOCK_NEVER)
		backoff->until = 0;
}

/* True while there should be no attempt. */
static inline bool
backoff_waits(const struct backoff *backoff)
{
	return backoff->until != CLOCK_NEVER;
}

#endif
