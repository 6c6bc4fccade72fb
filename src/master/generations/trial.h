/* The trial that a generation must pass before it counts: a client of our own,
 * the canary, served by a real child through the real path. */
#ifndef MASTER_TRIAL_H
#define MASTER_TRIAL_H

#include <stdint.h>

struct snapshot;
struct spawners;

enum trial { TRIAL_RUNNING, TRIAL_PASSED, TRIAL_FAILED };

/*
 * Starts a spawner and its canary, on a socketpair, which is served session 0.
 * There must be none on trial.  snapshot must stay valid until the trial has
 * ended.  Returns 0, or -1 with spawners->failure.
 */
int trial_start(struct spawners *spawners, const struct snapshot *snapshot,
    int64_t now);

/*
 * How the trial stands; to be asked at each event of the spawner, when a child
 * has ended, and at its deadline.  It passes when the canary got the exact
 * greeting, its child ended as greeted, and each attempt of shared/attempt.h
 * was the end of the child that made it.  TRIAL_FAILED (with
 * spawners->failure, which names the system call that the filter refused) has
 * killed and reaped the spawner.
 */
enum trial trial_check(struct spawners *spawners, int64_t now);

/* Kills the spawner on trial and its canary's child, if there is one. */
void trial_abandon(struct spawners *spawners);

#endif
