/* How long sessions took, by size: a histogram. */
#ifndef MASTER_CLIENTS_DURATIONS_H
#define MASTER_CLIENTS_DURATIONS_H

#include <stddef.h>
#include <stdint.h>

#define DURATIONS_BOUNDS 15

/* Start with all zero. */
struct durations {
	/* Those of at most the bound of that index, and of more than the one
	 * before; the last of more than any. */
	uint64_t count[DURATIONS_BOUNDS + 1];
	uint64_t total_us;
};

/* Where the ranges end, growing: from a session on loopback, of half a
 * millisecond, to past the default of timeouts.session. */
struct durations_bound {
	int64_t us;
	const char *seconds; /* the same as text */
};

extern const struct durations_bound durations_bounds[DURATIONS_BOUNDS];

/* One took us microseconds.  Most take one or two comparisons. */
void durations_note(struct durations *durations, int64_t us);

#endif
