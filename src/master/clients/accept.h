/* Accepting clients, and leaving listeners alone while there is no room. */
#ifndef MASTER_CLIENTS_ACCEPT_H
#define MASTER_CLIENTS_ACCEPT_H

#include <stdint.h>

struct service;

/*
 * Accepts a bounded number of clients of each listener that has some, or stops
 * polling it for now.  Begins after the listener that was served last, so that
 * they take turns with the places that become free when the daemon is full.
 */
void accept_step(struct service *service, int64_t now);

/* Polls listeners again when there is room. Call it after everything else that
 * may make room: nothing else wakes the loop for clients that wait. */
void accept_resume(struct service *service, int64_t now);

/* clock_now() at which one of these has something to do, or CLOCK_NEVER. */
int64_t accept_wakeup(const struct service *service);

#endif
