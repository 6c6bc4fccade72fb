/* Moments on the monotonic clock by which a wait must end. */
#ifndef SHARED_DEADLINE_H
#define SHARED_DEADLINE_H

#include <stddef.h>
#include <stdint.h>

/* The moment ms milliseconds from now: nanoseconds of CLOCK_MONOTONIC. */
int64_t deadline_after(int64_t ms);

/* Nanoseconds from now to deadline; 0 or less when it has passed. */
int64_t deadline_left(int64_t deadline);

/* Divides the time left into equal parts and returns the end of the first
 * one. */
int64_t deadline_share(int64_t deadline, size_t parts);

/*
 * Waits until poll(2) reports one of events, an error or a hang-up on fd; with
 * a negative fd only for the deadline.  Signals do not end the wait, and a
 * descriptor that is ready is reported even past the deadline.  Returns 0, or
 * -1 with errno ETIMEDOUT at the deadline, or poll's errno.  The deadline is at
 * most 24 days away (poll counts milliseconds in an int).
 */
int deadline_wait(int64_t deadline, int fd, short events);

/*
 * From deadline on, interrupts system calls that wait (EINTR) ten times a
 * second, so that a write(2) to a terminal that nobody reads ends, too: poll(2)
 * calls one writable that has room for a single byte.  Takes SIGALRM and
 * ITIMER_REAL for that.  A second call sets another moment.
 */
void deadline_interrupt(int64_t deadline);

#endif
