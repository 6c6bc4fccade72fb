/* Starting the next generation, whatever the reason: a candidate setup, a
 * spawner that died, a child that crashed. */
#ifndef MASTER_GENERATIONS_GENERATION_H
#define MASTER_GENERATIONS_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "master/system/log.h"

struct snapshot;
struct spawners;

/* At most one rotation in this time, see generation_crashed(). */
#define GENERATION_ROTATION_MS 250

enum generation_event {
	GENERATION_QUIET, /* nothing to tell */
	GENERATION_PASSED, /* the candidate may be committed: then
			    * generation_commit() or generation_abandon() */
	GENERATION_FAILED, /* the candidate; spawners->failure says why */
	GENERATION_STARVED, /* no spawner could be had for the running setup:
			     * what can be spared should be freed */
};

/* Start with all zero but spawners. */
struct generation {
	struct spawners *spawners;
	bool is_candidate; /* what is on trial is not the running setup */
	int64_t retry_at; /* a spawner that does not start is not hurried */
	int64_t delay;
	struct log_limit failures;
	bool rotate; /* a child of the current generation crashed */
	int64_t rotate_at; /* not before */
	uint64_t starts; /* spawners started since the daemon began */
};

/*
 * Puts a candidate's plan on trial; nothing else may be on trial.  snapshot must
 * stay until the trial's end is told by generation_step().  Returns 0, or -1
 * with spawners->failure.
 */
int generation_try(struct generation *generation,
    const struct snapshot *snapshot, int64_t now);

/* The candidate that has passed becomes current; the last one is retired. */
void generation_commit(struct generation *generation, int64_t now);

/* Ends the candidate's trial, running or passed. */
void generation_abandon(struct generation *generation);

/*
 * A child of the generation of that number crashed, or was killed by the
 * sandbox.  All children of one spawner have its memory layout and its stack
 * canary, which could be guessed from client to client: the next generation has
 * others.  One generation is started for that in GENERATION_ROTATION_MS at most,
 * and none for a child of an earlier generation.
 */
void generation_crashed(struct generation *generation, uint64_t number);

/*
 * Does what is due: judges the trial, or starts a spawner for running, the plan
 * that is served (NULL: none yet), because there is none or a child crashed.
 */
enum generation_event generation_step(struct generation *generation,
    const struct snapshot *running, int64_t now);

/* clock_now() at which generation_step() has something to do, CLOCK_NEVER. */
int64_t generation_wakeup(const struct generation *generation);

#endif
