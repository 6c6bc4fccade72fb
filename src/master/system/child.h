/* Signalling children by a pid that cannot be trusted. */
#ifndef MASTER_CHILD_H
#define MASTER_CHILD_H

#include <sys/types.h>

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

#endif
