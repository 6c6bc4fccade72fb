/* The canary: a spawner on trial, and its first client, which is ours. */
#ifndef MASTER_CANARY_H
#define MASTER_CANARY_H

#include "master/generations/spawners.h"

struct plan;

/* The session that it gets: one behind a proxy if there is any, which needs more
 * of the sandbox; else the first listener's. */
const struct plan_session *canary_session(const struct plan *plan);

/* Takes a free place, starts a spawner there with that plan, connects the canary
 * and hands it over as the first client; SPAWNER_TRIAL_MS begin.  NULL: failed,
 * see trial->failure. */
struct spawner *canary_begin(
    struct spawners *spawners, struct trial *trial, int plan_fd);

/* What the canary gets is the greeting of its session, as it is written when it has
 * variables: how many bytes that are, and whether the n bytes are those that
 * follow the first at bytes. */
size_t canary_length(const struct plan *plan);
bool canary_takes(
    const struct plan *plan, size_t at, const char *bytes, size_t n);

/* Once its child has ended: has that declared what the canary's header says, if it
 * had one?  If not, errno is 0, or why that cannot be known. */
bool canary_was_declared(const struct spawner *spawner, const struct plan *plan);

/* Gives the spawner on trial an order, in the canary's slot.  Returns 0, or -1
 * with errno; 0 also when it is dead: trial_check() finds out why. */
int canary_order(struct spawner *spawner, struct order *order);

#endif
