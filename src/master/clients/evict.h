/* Bounds the clients that linger: connections that cost no process, but a
 * descriptor each. */
#ifndef MASTER_CLIENTS_EVICT_H
#define MASTER_CLIENTS_EVICT_H

#include <stdint.h>

struct service;

/* At least so many may linger, however few descriptors there are. */
#define EVICT_LEAST 64

/* Sets service->lingering_max to what RLIMIT_NOFILE leaves beside the clients
 * that the running setup allows; at most PLAN_LINGERING_MAX. */
void evict_configure(struct service *service);

/*
 * To be called when one more client lingers.  When that is one too many, the one
 * goes that has had everything for longest; if all have yet to take something,
 * some of the oldest of the source that has most.
 */
void evict_surplus(struct service *service, int64_t now);

#endif
