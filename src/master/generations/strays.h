/* Children that nobody knows: what a spawner cloned without telling. */
#ifndef MASTER_STRAYS_H
#define MASTER_STRAYS_H

#include <stdbool.h>
#include <stdint.h>

struct spawners;

/* At most that often is looked for them: it takes a walk over all children. */
#define STRAYS_INTERVAL_MS 1000

/* Some child has ended. */
void strays_hint(struct spawners *spawners);

/* Reaps those that have ended, when it is time.  A spawner whose group they are in
 * is replaced: an honest one tells of each. */
void strays_step(struct spawners *spawners, int64_t now);

/* clock_now() at which strays_step() has something to do, CLOCK_NEVER. */
int64_t strays_wakeup(const struct spawners *spawners);

#endif
