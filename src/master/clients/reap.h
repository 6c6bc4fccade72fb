/* Reaps clients' children, and ends those that take too long. */
#ifndef MASTER_CLIENTS_REAP_H
#define MASTER_CLIENTS_REAP_H

#include <sys/types.h>

#include <stdint.h>

struct service;

/*
 * Asks after young children in turn, by pid; bounded.  Those that grow old get
 * a place in the heap of deadlines, and a pidfd if there are descriptors to
 * spare; old ones without a pidfd are asked after when any child has ended.
 * wait4(-1) would walk over all children for each that has ended.
 */
void reap_step(struct service *service, int64_t now);

/* SIGCHLD has come and names this child; the kernel does not say how many
 * others have ended. */
void reap_hint(struct service *service, pid_t pid, int64_t now);

/* The slot's event: its child has ended, or, after that, its client has sent
 * something. */
void reap_child(struct service *service, uint32_t slot, int64_t now);

/* Sends the signal to the slot's child, or to the children of all clients,
 * because the daemon stops; clients that have no child any more are closed. */
void reap_signal(struct service *service, uint32_t slot, int signal);
void reap_signal_all(struct service *service, int signal, int64_t now);

/* clock_now() at which reap_step() has something to do, or CLOCK_NEVER. */
int64_t reap_wakeup(const struct service *service);

#endif
