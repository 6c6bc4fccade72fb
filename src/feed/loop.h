/* Running COMMAND at intervals, and writing what comes of it. */
#ifndef FEED_LOOP_H
#define FEED_LOOP_H

#include <stdbool.h>
#include <stdint.h>

/* What the command line asks for. */
struct feed {
	char *const *command; /* ended by NULL */
	int64_t interval_ms; /* from start to start */
	int64_t limit_ms; /* for each run */
	const char *output, *health; /* files, NULL: none */
	bool once;
};

#define LOOP_NOT_WRITTEN 71 /* EX_OSERR of sysexits.h */

/*
 * Runs the command until the feed is asked to stop, or once; events_init() has
 * been called.  A run that takes longer than the interval is followed by the
 * next one at the time of the interval that comes next: none is made up for.
 * After each run both files are written, changed or not; an error is said once,
 * until it is another or there is none, which is said too.  Returns the exit
 * status: 0, or of one run its own (verdict_status()); LOOP_NOT_WRITTEN if that
 * would be 0 but a file could not be written.
 */
int loop_run(const struct feed *feed);

/* When to start next: after now, a whole number of intervals (nanoseconds, more
 * than 0) after planned. */
int64_t loop_next(int64_t planned, int64_t interval, int64_t now);

#endif
