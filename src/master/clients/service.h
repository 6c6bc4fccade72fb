/* The state of serving clients: the table of clients, and all that is consulted
 * between accept and close.  What is done with it stands in the other files of
 * this folder. */
#ifndef MASTER_CLIENTS_SERVICE_H
#define MASTER_CLIENTS_SERVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/admit.h"
#include "master/clients/clients.h"
#include "master/clients/counters.h"
#include "master/clients/linger.h"
#include "master/config/conf.h"
#include "master/generations/setup.h"
#include "master/listeners/watch.h"
#include "master/system/backoff.h"
#include "shared/state.h"

struct generation;

/* Has it been said that max_clients is reached?  full.h. */
struct full {
	bool said;
	int64_t over_at; /* clock_now() when to say that it is over */
};

/* What reap.h knows beside the table of clients. */
struct reap {
	bool children_ended; /* SIGCHLD came since the last step */
	int64_t next_pass; /* over the young clients, at the latest */
	uint32_t unasked; /* unwatched clients whose child may have ended */
	int64_t asked; /* clock_now() when some of them were asked after */
};

/* A line for each refused client would be a flood of lines; one a second would
 * hide all offenders but one.  So each source has a line a second, and there are
 * so many a second in all: */
#define REFUSE_LINES 20

struct refuse_log {
	struct {
		int64_t until; /* clock_now(): no other of this source before */
		uint64_t who; /* admit_source() */
	} line[REFUSE_LINES]; /* the last ones, a ring */
	uint32_t oldest;
	uint64_t suppressed; /* refused clients since the last line */
};

/* What a listener is ready for. */
struct listener_state {
	enum state state;
	int weight; /* percent, for a balancer; -1: nobody has said one */
	int64_t until; /* seconds since 1970: so long; 0: not known */
	char reason[STATE_REASON_MAX + 1]; /* printable, "": none */
};

#define STATE_NONE ((struct listener_state) { .weight = -1 })

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
	int64_t quiet_at; /* clock_now() of the next quiet lines, CLOCK_NEVER */
	/* By the listener's place in the running configuration. */
	struct listener_state states[CONF_LISTENERS_MAX];
	uint32_t awaited; /* clients whose PROXY header is awaited, proxy.h */
	uint32_t lingering_max; /* clients that may linger at a time, evict.h */
};

/* Places of limits.max_clients that are taken: each by a client that has, or
 * waits for, a process. */
static inline uint32_t
service_places(const struct service *service)
{
	return service->counters.live - service->counters.lingering;
}

#endif
