/* Waiting for a resource that has run out: longer and longer, without spinning
 * and without filling the log. */
#ifndef MASTER_BACKOFF_H
#define MASTER_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

/* Recovery must take less than a second from when the resource is back. */
#define BACKOFF_FIRST_MS 20
#define BACKOFF_LONGEST_MS 500
/* A condition that comes and goes is said this often at most. */
#define BACKOFF_LOG_SECONDS 10

/* Start with all zero. */
struct backoff {
	int64_t until; /* clock_now() of the next try; 0: nothing is wrong */
	int64_t delay; /* microseconds */
	int64_t log_next;
	bool said;
};

/* what failed with error: no further try before backoff->until.  Says so in a
 * warning. */
void backoff_fail(
    struct backoff *backoff, const char *what, int error, int64_t now);

/* what worked. */
void backoff_succeed(struct backoff *backoff, const char *what);

/* True while there should be no try. */
static inline bool
backoff_waits(const struct backoff *backoff, int64_t now)
{
	return backoff->until > now;
}

#endif
