/* Keeping a spawner in service, and the next one tried and ready. */
#ifndef MASTER_STANDBY_H
#define MASTER_STANDBY_H

#include <stdbool.h>
#include <stdint.h>

#include "master/system/log.h"

struct snapshot;
struct spawners;

/*
 * Spawners are started so far apart at least, and so that what a trial takes of
 * a processor is a fourth of the time between two: when children crash faster,
 * clients wait.
 */
#define STANDBY_INTERVAL_MS 20
#define STANDBY_SHARE 4

/* Start with all zero. */
struct standby {
	int64_t started; /* clock_now() of the last trial's start */
	int64_t next_at; /* none before */
	int64_t delay; /* after one that failed, 0: the last one did not */
	struct log_limit failures;
};

enum standby_event { STANDBY_NOTHING, STANDBY_FAILED };

/*
 * Does what is due, once the first generation serves: replaces a current spawner
 * that is gone or fails its clients, judges the next one's trial, or starts
 * that.  Of STANDBY_FAILED the reason has been logged, now and then.
 */
enum standby_event standby_step(struct standby *standby,
    struct spawners *spawners, const struct snapshot *snapshot, int64_t now);

/* clock_now() at which standby_step() has something to do, CLOCK_NEVER. */
int64_t standby_wakeup(
    const struct standby *standby, const struct spawners *spawners);

#endif
