/* The daemon at work: its state, and the loop that drives it. */
#ifndef MASTER_SERVER_H
#define MASTER_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/admit.h"
#include "master/system/backoff.h"
#include "master/clients/clients.h"
#include "master/control/control.h"
#include "master/clients/full.h"
#include "master/generations/generation.h"
#include "master/clients/linger.h"
#include "master/listeners/listeners.h"
#include "master/system/log.h"
#include "master/config/messages.h"
#include "master/reload.h"
#include "master/generations/snapshot.h"
#include "master/generations/spawners.h"
#include "master/clients/counters.h"
#include "master/listeners/watch.h"

struct conf;

/* Stages of a shutdown; each begins where the one before ended. */
enum stop {
	STOP_NOT,
	STOP_DRAIN, /* no new clients; the others may finish */
	STOP_TERM, /* children got SIGTERM */
	STOP_KILL, /* children got SIGKILL */
};

struct server {
	int epoll;
	int signals; /* signalfd */
	const char *path; /* of the configuration */
	bool as_root; /* started by root: chooses defaults at reload */
	bool ready; /* listening; the first generation has been committed */
	int64_t ready_at; /* clock_now() */
	bool foreground;
	int executable; /* of the spawner, launch_open() */

	struct conf *conf; /* the running configuration */
	struct snapshot snapshot; /* its plan */
	struct messages messages; /* and what it tells the refused */
	struct listeners listeners;
	struct spawners spawners;
	struct generation generation; /* the one that is being started */
	struct reload reload;
	struct control control; /* its fd is set before server_run() */

	struct admit admit; /* who is let in */
	struct clients clients;
	struct linger_set linger; /* who was refused and may not know it yet */
	struct stats stats;
	struct backoff accepting; /* out of descriptors or memory */
	struct backoff forking; /* out of processes or memory */
	struct full full; /* has it been said that max_clients is reached? */
	struct watch watch; /* which listeners are polled */
	struct log_limit refusals;
	bool children_ended; /* SIGCHLD came since the last turn */
	int64_t next_pass; /* over the young clients, at the latest */
	uint32_t unasked; /* unwatched clients whose child may have ended */
	int64_t asked; /* clock_now() when some of them were asked after */

	enum stop stop;
	int64_t stop_at; /* clock_now() of the next stage */
};

/* From here on signals wait for server_run(); to be called before anybody can
 * know our pid. */
void server_block_signals(void);

/*
 * Serves until told to stop.  candidate is the configuration to begin with: its
 * sockets are bound, privileges are dropped.  Ends the process
 * when the first generation cannot be had.  Returns when all clients have
 * ended or been ended.
 */
void server_run(struct server *server, struct candidate *candidate);

#endif
