/* Children that the daemon has and nobody in it started (system/child.h). */
#ifndef MASTER_ORPHANS_H
#define MASTER_ORPHANS_H

#include <stdint.h>

struct server;

/* Reaps those that have ended. */
void orphans_step(struct server *server, int64_t now);

/* clock_now() at which orphans_step() has something to do, CLOCK_NEVER. */
int64_t orphans_wakeup(const struct server *server);

#endif
