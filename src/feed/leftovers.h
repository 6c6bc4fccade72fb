/* Processes that a run leaves behind: they are ours, since the feed is a child
 * subreaper (prctl(2)). */
#ifndef FEED_LEFTOVERS_H
#define FEED_LEFTOVERS_H

#include <stdbool.h>
#include <sys/types.h>

/* Reaps all children that have ended but the one with that pid.  Returns true
 * when that one has ended too, and is still to be reaped. */
bool leftovers_reap(pid_t pid);

/*
 * Kills and reaps all children and, as they become ours, theirs: also those
 * that have left the process group and the session.  Gives up after a second
 * (one may be in the kernel's hands); without /proc it reaps those that have
 * ended.
 */
void leftovers_kill(void);

#endif
