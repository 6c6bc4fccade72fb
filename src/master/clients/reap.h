/* The end of clients' children: deadline, exit. */
#ifndef MASTER_REAPER_H
#define MASTER_REAPER_H

#include <sys/types.h>

#include <stdint.h>

struct server;

/*
 * Asks after the children of young clients in turn, by pid; bounded.  Those who
 * grow old get a place in the heap of deadlines, and a pidfd if there are
 * descriptors to spare; the others are asked after when any child has ended.
 * wait4(-1) would walk over all of them for each that has ended.
 */
void reaper_step(struct server *server, int64_t now);

/* SIGCHLD came, and names this one of the children that have ended; the kernel
 * does not say how many there are. */
void reaper_hint(struct server *server, pid_t pid, int64_t now);

/* The slot's event: its child has ended, or, when that is done, its client says
 * something. */
void reaper_child(struct server *server, uint32_t slot, int64_t now);

/* Sends the signal to the slot's child, to all clients' children, because the
 * daemon stops; clients who have no child any more are closed. */
void reaper_signal(struct server *server, uint32_t slot, int signal);
void reaper_signal_all(struct server *server, int signal, int64_t now);

/* clock_now() at which reaper_step() has something to do, CLOCK_NEVER. */
int64_t reaper_wakeup(const struct server *server);

#endif
