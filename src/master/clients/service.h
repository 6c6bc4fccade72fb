/* What serving clients takes: the table of clients, and all that is consulted
 * between accept and close. */
#ifndef MASTER_CLIENTS_SERVICE_H
#define MASTER_CLIENTS_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/admit.h"
#include "master/clients/clients.h"
#include "master/clients/counters.h"
#include "master/clients/full.h"
#include "master/clients/linger.h"
#include "master/clients/reap.h"
#include "master/clients/refuse.h"
#include "master/generations/setup.h"
#include "master/listeners/watch.h"
#include "master/system/backoff.h"

struct generation;

struct service {
	int epoll;
	struct setup *setup; /* the running one */
	struct generation *generation; /* with its spawners */
	bool is_open; /* new clients are taken in */
	int ending; /* the signal that children get since the daemon stops; 0 */

	struct watch watch; /* which listeners are polled */
	struct admit admit; /* who is let in */
	struct clients clients;
	struct reap reap;
	struct linger_set linger; /* refused clients that may not know it yet */
	struct counters counters;
	struct backoff accepting; /* out of descriptors or memory */
	struct backoff forking; /* out of processes or memory */
	int64_t handed_at; /* clock_now() of the next look at clients that
			    * spawners have; CLOCK_NEVER: they have none */
	struct full full; /* has it been said that max_clients is reached? */
	struct refuse_log refusals;
	uint32_t lingering_max; /* clients that may linger at a time, evict.h */
};

/* Places of limits.max_clients that are taken: each by a client that has, or
 * waits for, a process. */
static inline uint32_t
service_places(const struct service *service)
{
	return service->counters.live - service->counters.lingering;
}

/*
 * Makes an empty service, closed, of setup and generation, which are the
 * caller's; events go to epoll.  Returns NULL, or what failed (static text) with
 * errno.
 */
const char *service_init(struct service *service, int epoll,
    struct setup *setup, struct generation *generation);

/* Makes room for a candidate's listeners in the counters.  Returns 0, or -1 with
 * errno; nothing has changed for the running ones. */
int service_prepare(struct service *service, const struct conf *conf);

/* service->setup has just been replaced: polls its listeners, and counts clients
 * who live by its limits. */
void service_configure(struct service *service, int64_t now);

/* No client is accepted any more, and nobody listens. */
void service_close(struct service *service);

/* Sends the signal to the children of all clients, now and as they come;
 * clients that have no child any more are closed. */
void service_end(struct service *service, int signal, int64_t now);

/* Clients whose end is yet to come, refused ones included. */
bool service_is_idle(const struct service *service);

/* Logs all counters: a line for each listener, and one for the daemon. */
void service_log_counters(const struct service *service);

void service_free(struct service *service);

#endif
