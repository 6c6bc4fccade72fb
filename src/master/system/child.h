/* Signalling children by a pid that cannot be trusted. */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

/* True when pid is a child of ours that has not been reaped; else errno says
 * why not (ECHILD: it is none). */
bool child_is_ours(pid_t pid);

/*
 * Sends the signal to pid if that is a child of ours that has not been reaped,
 * and to nobody else.  A client's pid is what a spawner wrote to the pid page:
 * a compromised one could name any process of our user, or have one child
 * reaped in another's name, so that its pid is free for a stranger.  Nobody
 * else reaps our children: between the question and the signal the pid cannot
 * change hands.
 * Returns 0, or -1 with errno (ECHILD: it is none).
 */
int child_signal(pid_t pid, int signal);

/*
 * In a child that was forked by parent just now: it ends with parent, so that
 * copies of sockets which it has are not in the way of who starts the daemon anew.
 * Returns 0, or -1 with errno; 0: it had no effect, or parent is gone.
 */
int child_ends_with(pid_t parent);

/* ------------------------------------------------------- other people's children
 *
 * A process may have children that it did not start: as process 1 of a container
 * it gets all orphans, as a subreaper those of its descendants
 * (PR_SET_CHILD_SUBREAPER survives execve(2)), and whoever exec'd us may have
 * had some.  Nobody else can reap them.
 */

/* Finds out whether this process may have such children.  To be called before
 * it starts any of its own that it does not reap at once. */
void child_adopt_init(void);

/* A child has ended (SIGCHLD): there will be something to look at. */
void child_ended(int64_t now);

/* clock_now() at which child_adopt_step() has something to do, CLOCK_NEVER. */
int64_t child_adopt_wakeup(void);

/*
 * Reaps children that have ended and that is_ours(), called with context, does
 * not know, at most once a second; one that it knows is left to whoever waits
 * for it.
 */
void child_adopt_step(int64_t now,
    bool (*is_ours)(const void *context, pid_t pid), const void *context);
/* Kills and reaps it, but waits for that no longer than CHILD_END_MS.  True when
 * it is gone. */
#define CHILD_END_MS 1000
bool child_end(pid_t pid);

#endif
