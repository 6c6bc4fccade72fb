/* Clients that spawners have and have not cloned for, as far as is known. */
#include "config.h"

#include "master/generations/spawners.h"

#include <errno.h>

#include "master/system/clock.h"

bool
spawners_can_take(const struct spawners *spawners)
{
	return spawners->current != -1 &&
	    spawners->list[spawners->current].n < SPAWNER_IN_FLIGHT_MAX;
}

int
spawners_hand_over(
    struct spawners *spawners, const struct order *order, int64_t now)
{
	struct spawner *spawner = &spawners->list[spawners->current];

	if (spawners_order(spawner, order) == -1)
		return -1;
	if (spawner->n == 0)
		spawner->progress = now;
	spawner->in_flight[(spawner->first + spawner->n++) %
	    SPAWNER_IN_FLIGHT_MAX] = (struct in_flight) { order->slot,
		now };
	return 0;
}

bool
spawners_are_busy(const struct spawners *spawners)
{
	size_t i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].n > 0 ||
		    spawners->list[i].state == SPAWNER_RETIRED)
			return true;
	return false;
}

/* Kills one that has had a client, or its dismissal, for too long: stopped, or
 * starved. */
static void
check_stuck(struct spawners *spawners, struct spawner *spawner, int64_t now)
{
	const struct in_flight *oldest = &spawner->in_flight[spawner->first];
	bool late = spawner->n > 0 && !spawner->doomed &&
	    now - oldest->since > SPAWNER_LATE_MS * CLOCK_MS;

	if (spawner->pid <= 0 ||
	    (now - spawner->progress <= SPAWNER_STUCK_MS * CLOCK_MS && !late))
		return;
	spawners_convict(spawners, spawner, "stuck", now);
}

void
spawners_excuse(struct spawners *spawners, int64_t now)
{
	struct spawner *spawner = spawners->list;
	struct spawner *end = spawner + SPAWNERS_MAX;
	uint32_t i;

	for (; spawner < end; spawner++) {
		spawner->progress = now;
		if (spawner->unserved.since != 0)
			spawner->unserved.since = now;
		for (i = 0; i < spawner->n; i++)
			spawner->in_flight[(spawner->first + i) %
			    SPAWNER_IN_FLIGHT_MAX].since = now;
	}
}

/* Remembers the first client that it did not clone for, until it does. */
static void
note_service(struct spawner *spawner, uint32_t slot, bool served, int64_t now)
{
	struct in_flight *unserved = &spawner->unserved;

	if (served && unserved->slot == slot)
		unserved->since = 0;
	else if (!served && unserved->since == 0)
		*unserved = (struct in_flight) { slot, now };
}

/* The spawner's oldest client, if it has been decided. */
static bool
take_oldest(struct spawners *spawners, struct spawner *spawner, int64_t now,
    struct handed *handed)
{
	uint32_t slot = spawner->in_flight[spawner->first].slot;
	int32_t row = spawner->doomed && spawner->pid != -1 ? 0 :
	    spawners_row(spawners, spawner, slot);

	if (row == 0 && spawner->pid != -1) {
		check_stuck(spawners, spawner, now);
		return false;
	}
	*handed = (struct handed) { slot, spawner->group, row > 0 ? row : 0,
		row < 0 ? -row : 0 };
	if (row > 0) {
		groups_know(&spawners->groups, spawner->group, row);
		spawners->failing = SPAWNER_FAILING_MS * CLOCK_MS;
	}
	if (row == -EPROTO)
		spawners_convict(spawners, spawner, "row", now);
	spawner->first = (spawner->first + 1) % SPAWNER_IN_FLIGHT_MAX;
	spawner->n--;
	spawner->progress = now;
	note_service(spawner, slot, row > 0, now);
	return true;
}

bool
spawners_next(struct spawners *spawners, int64_t now, struct handed *handed)
{
	struct spawner *spawner = spawners->list;
	struct spawner *end = spawner + SPAWNERS_MAX;

	for (; spawner < end; spawner++) {
		if (spawner->n > 0 &&
		    take_oldest(spawners, spawner, now, handed))
			return true;
		if (spawner->state != SPAWNER_RETIRED || spawner->n > 0)
			continue;
		if (spawner->pid == -1)
			spawners_dismiss(spawners, spawner);
		else
			check_stuck(spawners, spawner, now);
	}
	return false;
}

bool
spawners_replace_failing(struct spawners *spawners, int64_t now)
{
	struct spawner *spawner;

	if (spawners->current == -1)
		return false;
	spawner = &spawners->list[spawners->current];
	if (spawner->unserved.since == 0 ||
	    now - spawner->unserved.since <= spawners->failing)
		return false;
	if (spawners->failing < SPAWNER_FAILING_LAST_MS * CLOCK_MS)
		spawners->failing *= 2;
	spawners_convict(spawners, spawner, "failing", now);
	return true;
}
