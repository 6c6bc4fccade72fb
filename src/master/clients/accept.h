/* Accepting clients: which are taken in, and which listeners are left alone. */
#ifndef MASTER_CLIENTS_ACCEPT_H
#define MASTER_CLIENTS_ACCEPT_H

#include <stdint.h>

struct service;

/*
 * Accepts a bounded number of clients of each listener that has some, or stops
 * polling it for now.  Begins after the one that was served last, so that what
 * becomes free when the daemon is full goes to all in turn.
 */
void accept_step(struct service *service, int64_t now);

/* Polls listeners again when there is room: call it after everything else that
 * may make some, because nothing else wakes the loop for those that wait. */
void accept_resume(struct service *service, int64_t now);

/* clock_now() at which one of these has something to do, CLOCK_NEVER. */
int64_t accept_wakeup(const struct service *service);

#endif
