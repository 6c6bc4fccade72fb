/* The trial that a generation must pass before it serves: a client of our own,
 * the canary, is served by a real child through the real path. */
#ifndef MASTER_TRIAL_H
#define MASTER_TRIAL_H

#include <stdint.h>

struct snapshot;
struct spawners;
struct trial;

enum trial_result { TRIAL_RUNNING, TRIAL_PASSED, TRIAL_FAILED };

/*
 * Starts a spawner and its canary, on a socketpair, which is served session 0.
 * trial is one of struct spawners, and must not run.  snapshot must stay valid
 * until it has ended.  Returns 0, or -1 with trial->failure.
 */
int trial_start(struct spawners *spawners, struct trial *trial,
    const struct snapshot *snapshot, int64_t now);

/*
 * How the trial stands; to be asked at each event of the spawner, when a child
 * has ended, and at its deadline.  It passes when the canary got the exact
 * greeting, its child ended as greeted, and each attempt of shared/attempt.h
 * ended as it must.  TRIAL_FAILED (with trial->failure, which names the system
 * call that the filter refused) has ended the spawner.
 */
enum trial_result trial_check(
    struct spawners *spawners, struct trial *trial, int64_t now);

/* Ends the spawner on trial and its children, if it runs. */
void trial_abandon(struct spawners *spawners, struct trial *trial);

#endif
