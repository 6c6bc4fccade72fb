/* Starting the next generation, whatever the reason, and committing what comes
 * with it. */
#ifndef MASTER_GENERATIONS_H
#define MASTER_GENERATIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "master/listeners/listeners.h"
#include "master/system/log.h"
#include "master/config/messages.h"
#include "master/config/report.h"
#include "master/generations/snapshot.h"

struct conf;
struct conf_greeting;
struct server;

/* A configuration that would become the running one: nothing in it is in use
 * before it is committed. */
struct candidate {
	struct conf *conf;
	struct snapshot snapshot;
	struct messages messages;
	struct listeners listeners; /* bound; some are the running ones */
	struct report report; /* what was found wrong with it */
};

/* What is on trial, and what will be.  Start with all zero. */
struct generation {
	struct candidate *candidate; /* NULL: the running configuration */
	int64_t retry_at; /* a spawner that does not start is not hurried */
	int64_t delay;
	struct log_limit failures;
	bool rotate; /* a child of the current generation crashed */
	int64_t rotate_at; /* not before */
};

/*
 * Makes the rest of a candidate from its conf and its greetings (which the
 * caller keeps): plan, messages, sockets, rows for its listeners in the
 * counters.  Returns 0, or -1 with errors in candidate->report.
 */
int candidate_prepare(struct candidate *candidate,
    const struct conf_greeting *greetings, struct server *server);

/* Frees all that the running configuration does not use. */
void candidate_free(struct candidate *candidate, struct server *server);

/* Puts the candidate on trial; no other may be.  Returns 0, or -1 with the error
 * in its report. */
int generation_try(
    struct server *server, struct candidate *candidate, int64_t now);

/*
 * A child of that generation crashed, or was killed by the sandbox.  All
 * children of one spawner have its memory layout and its stack canary, which
 * could be guessed from client to client: the next generation has others.  One
 * generation is started for that in GENERATION_ROTATION_MS at most, and none for
 * a child of an earlier generation.
 */
#define GENERATION_ROTATION_MS 250
void generation_crashed(struct server *server, uint64_t generation);

/* Does what is due: judges the trial and commits or gives up, or starts a
 * spawner because there is none or a child crashed. */
void generation_step(struct server *server, int64_t now);

/* clock_now() at which generation_step() has something to do, CLOCK_NEVER. */
int64_t generation_wakeup(const struct server *server);

#endif
