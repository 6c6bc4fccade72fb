/* Starting the next generation. */
#include "config.h"

#include "master/generations/generation.h"

#include "master/generations/spawners.h"
#include "master/generations/strays.h"
#include "master/generations/trial.h"
#include "master/system/clock.h"

int
generation_try(struct generation *generation, const struct snapshot *snapshot,
    int64_t now)
{
	struct spawners *spawners = generation->spawners;

	return trial_start(spawners, &spawners->candidate, snapshot, now);
}

const char *
generation_failure(const struct generation *generation)
{
	return generation->spawners->candidate.failure;
}

enum exit_status
generation_cause(const struct generation *generation)
{
	return generation->spawners->candidate.cause;
}

bool
generation_is_trying(const struct generation *generation)
{
	return generation->spawners->candidate.index != -1;
}

void
generation_commit(struct generation *generation, enum spawner_reason reason,
    int64_t now)
{
	struct spawners *spawners = generation->spawners;

	spawners_promote(spawners, &spawners->candidate, reason, now);
}

void
generation_abandon(struct generation *generation)
{
	trial_abandon(
	    generation->spawners, &generation->spawners->candidate);
}

void
generation_crashed(
    struct generation *generation, uint64_t number, int64_t now)
{
	spawners_use_up(generation->spawners, number, now);
}

static enum generation_event
judge(struct generation *generation, int64_t now)
{
	struct spawners *spawners = generation->spawners;

	switch (trial_check(spawners, &spawners->candidate, now)) {
	case TRIAL_RUNNING:
		break;
	case TRIAL_PASSED:
		return GENERATION_PASSED;
	case TRIAL_FAILED:
		return GENERATION_FAILED;
	}
	return GENERATION_QUIET;
}

enum generation_event
generation_step(struct generation *generation, const struct snapshot *running,
    int64_t now)
{
	enum generation_event event = GENERATION_QUIET;
	enum generation_event judged = GENERATION_QUIET;

	strays_step(generation->spawners, now);
	if (running != NULL &&
	    standby_step(&generation->standby, generation->spawners, running,
		now) == STANDBY_FAILED)
		event = GENERATION_STARVED;
	if (generation_is_trying(generation))
		judged = judge(generation, now);
	return judged == GENERATION_QUIET ? event : judged;
}

int64_t
generation_wakeup(
    const struct generation *generation, const struct snapshot *running)
{
	const struct spawners *spawners = generation->spawners;
	int64_t when = clock_earlier(
	    strays_wakeup(spawners), groups_wakeup(&spawners->groups));

	if (running != NULL)
		when = clock_earlier(
		    when, standby_wakeup(&generation->standby, spawners));
	if (!generation_is_trying(generation))
		return when;
	return clock_earlier(
	    when, spawners->list[spawners->candidate.index].deadline);
}
