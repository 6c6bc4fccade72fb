/* Keeping a spawner in service, and the next one tried and ready. */
#include "config.h"

#include "master/generations/standby.h"

#include <stdbool.h>

#include "master/generations/spawners.h"
#include "master/generations/trial.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"

#define RETRY_FIRST (100 * CLOCK_MS)
#define RETRY_LONGEST (500 * CLOCK_MS)
#define FAILURES_LOG_INTERVAL (10 * CLOCK_SECOND)

/* The next one is not hurried, and a fork bomb makes room for it. */
static enum standby_event
failed(struct standby *standby, struct spawners *spawners, int64_t now)
{
	uint64_t suppressed;

	groups_purge(&spawners->groups);
	standby->delay = standby->delay == 0 ? RETRY_FIRST :
					       standby->delay * 2;
	if (standby->delay > RETRY_LONGEST)
		standby->delay = RETRY_LONGEST;
	standby->next_at = now + standby->delay;
	if (log_limit_pass(
		&standby->failures, now, FAILURES_LOG_INTERVAL, &suppressed))
		log_event(LOG_ERR, "spawner failed",
		    LOG_NUMBER("suppressed", suppressed),
		    LOG_QUOTED("error", spawners->next.failure));
	return STANDBY_FAILED;
}

static void
passed(struct standby *standby, struct spawners *spawners, int64_t now)
{
	int64_t at = standby->started + STANDBY_SHARE * spawners->next.cpu_us;

	standby->delay = 0;
	if (standby->next_at < at)
		standby->next_at = at;
	spawners_stand_by(spawners, &spawners->next);
	spawners_succeed(spawners, now);
}

/* While a configuration is on trial the next standby would be of the old one. */
static bool
is_needed(const struct spawners *spawners)
{
	return spawners->standby == -1 && spawners->next.index == -1 &&
	    (spawners->current == -1 || spawners->candidate.index == -1);
}

static enum standby_event
start(struct standby *standby, struct spawners *spawners,
    const struct snapshot *snapshot, int64_t now)
{
	standby->started = now;
	standby->next_at = now + STANDBY_INTERVAL_MS * CLOCK_MS;
	if (trial_start(spawners, &spawners->next, snapshot, now) == -1)
		return failed(standby, spawners, now);
	return STANDBY_NOTHING;
}

/* Without a standby the current one is replaced only when no other can be
 * started either: it may be what holds all processes. */
static void
replace_failing(
    struct standby *standby, struct spawners *spawners, int64_t now)
{
	if (spawners->standby != -1) {
		spawners_replace_failing(spawners, now);
	} else if (standby->delay != 0 &&
	    spawners_replace_failing(spawners, now)) {
		standby->delay = 0;
		standby->next_at = now;
	}
}

enum standby_event
standby_step(struct standby *standby, struct spawners *spawners,
    const struct snapshot *snapshot, int64_t now)
{
	replace_failing(standby, spawners, now);
	if (spawners->next.index != -1)
		switch (trial_check(spawners, &spawners->next, now)) {
		case TRIAL_PASSED:
			passed(standby, spawners, now);
			break;
		case TRIAL_FAILED:
			return failed(standby, spawners, now);
		case TRIAL_RUNNING:
			break;
		}
	if (is_needed(spawners) && now >= standby->next_at)
		return start(standby, spawners, snapshot, now);
	return STANDBY_NOTHING;
}

int64_t
standby_wakeup(const struct standby *standby, const struct spawners *spawners)
{
	if (spawners->next.index != -1)
		return spawners->list[spawners->next.index].deadline;
	return is_needed(spawners) ? standby->next_at : CLOCK_NEVER;
}
