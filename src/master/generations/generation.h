/* Starting the next generation, whatever the reason: a candidate setup, a
 * spawner that died, a child that crashed. */
#ifndef MASTER_GENERATIONS_GENERATION_H
#define MASTER_GENERATIONS_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "master/generations/spawners.h"
#include "master/generations/standby.h"
#include "master/system/cause.h"

struct snapshot;

enum generation_event {
	GENERATION_QUIET, /* nothing to report */
	GENERATION_PASSED, /* the candidate may be committed: then
			    * generation_commit() or generation_abandon() */
	GENERATION_FAILED, /* the candidate; generation_failure() says why */
	GENERATION_STARVED, /* no spawner: free what can be spared */
};

/* Start with all zero but spawners. */
struct generation {
	struct spawners *spawners;
	struct standby standby;
};

/*
 * Puts a candidate's plan on trial; no other candidate may be.  snapshot must
 * stay until the trial's end is told by generation_step().  Returns 0, or -1
 * with generation_failure().
 */
int generation_try(struct generation *generation,
    const struct snapshot *snapshot, int64_t now);

/* Why the last candidate failed, and the exit status for that. */
const char *generation_failure(const struct generation *generation);
enum exit_status generation_cause(const struct generation *generation);

/* True while a candidate is on trial. */
bool generation_is_trying(const struct generation *generation);

/* The candidate that has passed becomes current; the last one is retired. */
void generation_commit(struct generation *generation,
    enum spawner_reason reason, int64_t now);

/* Ends the candidate's trial, running or passed. */
void generation_abandon(struct generation *generation);

/*
 * A child of the generation of that number crashed, or was killed by the
 * sandbox.  All children of one spawner have its memory layout and its stack
 * canary, which could be guessed from client to client: that spawner is killed
 * at once, and the next ones have others.
 */
void generation_crashed(
    struct generation *generation, uint64_t number, int64_t now);

/*
 * Does what is due: judges the candidate's trial, and keeps a spawner in service
 * and the next one ready for running, the plan that is served (NULL: none yet).
 */
enum generation_event generation_step(struct generation *generation,
    const struct snapshot *running, int64_t now);

/* clock_now() at which generation_step() has something to do, or
 * CLOCK_NEVER. */
int64_t generation_wakeup(
    const struct generation *generation, const struct snapshot *running);

#endif
