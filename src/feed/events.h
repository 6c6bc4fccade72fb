/* The one place where the feed waits. */
#ifndef FEED_EVENTS_H
#define FEED_EVENTS_H

#include <stddef.h>
#include <stdint.h>

/* Descriptors that one wait may be for. */
#define EVENTS_MAX 3

/*
 * From now on TERM, INT, QUIT and HUP (unless it was ignored, nohup(1)) ask the
 * feed to stop, and SIGCHLD ends a wait; all of them are blocked.  Returns 0,
 * or -1 with errno.
 */
int events_init(void);

/*
 * Waits until one of the descriptors can be read, a child has ended, the feed
 * is asked to stop, or the deadline is over (shared/deadline.h); it may also
 * return earlier, for notify_step(), which it calls.  fds has n (at most
 * EVENTS_MAX) descriptors, -1 for none.
 */
void events_wait(const int *fds, size_t n, int64_t deadline);

/* How often the feed has been asked to stop. */
unsigned events_stops(void);

#endif
