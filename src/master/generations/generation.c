/* Starts the next generation. */
#include "config.h"

#include "master/generations/generation.h"

#include <inttypes.h>

#include "master/generations/spawners.h"
#include "master/generations/trial.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"

#define RETRY_FIRST (100 * CLOCK_MS)
#define RETRY_LONGEST (500 * CLOCK_MS)
#define FAILURES_LOG_INTERVAL (10 * CLOCK_SECOND)

static int
start(struct generation *generation, const struct snapshot *snapshot,
    bool is_candidate, int64_t now)
{
	generation->is_candidate = is_candidate;
	generation->starts++;
	return trial_start(generation->spawners, snapshot, now);
}

int
generation_try(struct generation *generation, const struct snapshot *snapshot,
    int64_t now)
{
	return start(generation, snapshot, true, now);
}

void
generation_commit(struct generation *generation, int64_t now)
{
	spawners_promote(generation->spawners, now);
	generation->is_candidate = false;
	generation->retry_at = generation->delay = 0;
	generation->rotate = false;
}

void
generation_abandon(struct generation *generation)
{
	trial_abandon(generation->spawners);
	generation->is_candidate = false;
}

void
generation_crashed(struct generation *generation, uint64_t number)
{
	if (generation->spawners->current != -1 &&
	    spawners_generation(generation->spawners) == number)
		generation->rotate = true;
}

/* The running setup has no spawner, or no new one, for now. */
static enum generation_event
starved(struct generation *generation, int64_t now)
{
	uint64_t suppressed;

	generation->delay =
	    generation->delay == 0 ? RETRY_FIRST : generation->delay * 2;
	if (generation->delay > RETRY_LONGEST)
		generation->delay = RETRY_LONGEST;
	generation->retry_at = now + generation->delay;
	if (log_limit_pass(&generation->failures, now, FAILURES_LOG_INTERVAL,
		&suppressed))
		log_event(LOG_ERR, "spawner failed",
		    LOG_NUMBER("suppressed", suppressed),
		    LOG_QUOTED("error", generation->spawners->failure));
	return GENERATION_STARVED;
}

static enum generation_event
judge(struct generation *generation, int64_t now)
{
	switch (trial_check(generation->spawners, now)) {
	case TRIAL_RUNNING:
		break;
	case TRIAL_PASSED:
		if (generation->is_candidate)
			return GENERATION_PASSED;
		generation_commit(generation, now);
		break;
	case TRIAL_FAILED:
		if (!generation->is_candidate)
			return starved(generation, now);
		generation->is_candidate = false;
		return GENERATION_FAILED;
	}
	return GENERATION_QUIET;
}

/* Should a spawner be started for the running setup? */
static bool
is_needed(const struct generation *generation, int64_t now)
{
	if (now < generation->retry_at)
		return false;
	return generation->spawners->current == -1 ||
	    (generation->rotate && now >= generation->rotate_at);
}

enum generation_event
generation_step(struct generation *generation, const struct snapshot *running,
    int64_t now)
{
	const struct spawners *spawners = generation->spawners;

	if (spawners->trial != -1)
		return judge(generation, now);
	if (running == NULL || !is_needed(generation, now))
		return GENERATION_QUIET;
	if (spawners->current != -1)
		log_event(LOG_WARNING, "spawner rotates",
		    LOG_NUMBER("generation", spawners_generation(spawners)),
		    LOG_WORD("reason", "crash"));
	generation->rotate_at = now + GENERATION_ROTATION_MS * CLOCK_MS;
	if (start(generation, running, false, now) == -1)
		return starved(generation, now);
	return GENERATION_QUIET;
}

int64_t
generation_wakeup(const struct generation *generation)
{
	const struct spawners *spawners = generation->spawners;

	if (spawners->trial != -1)
		return spawners->list[spawners->trial].deadline;
	if (spawners->current == -1)
		return generation->retry_at;
	if (!generation->rotate)
		return CLOCK_NEVER;
	return generation->rotate_at > generation->retry_at ?
	    generation->rotate_at :
	    generation->retry_at;
}
