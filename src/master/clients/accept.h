/* Accepting clients, and leaving listeners alone while there is no room. */
#ifndef MASTER_CLIENTS_ACCEPT_H
#define MASTER_CLIENTS_ACCEPT_H

#include <stdbool.h>
#include <stdint.h>

struct client;
struct conf_limits;
struct listener;
struct service;

/* True when a client of the listener is left in the kernel's queue, because full,
 * the result of gate_full(), are limits that are reached. */
bool accept_queues(const struct service *service,
    const struct listener *listener, const struct conf_limits *full);

/* Notes in a client of the listener all that is the same for any that comes
 * now. */
void accept_note(const struct service *service, struct client *client,
    const struct listener *listener, int64_t now);

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
