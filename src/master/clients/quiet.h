/* Clients of log.quiet: counted, and said once a minute, instead of a line for
 * each. */
#ifndef MASTER_CLIENTS_QUIET_H
#define MASTER_CLIENTS_QUIET_H

#include <stdint.h>

#include "shared/outcome.h"

struct client;
struct service;

/* How often a listener's line is written, in seconds. */
#define QUIET_SECONDS 60

/* Counts a client whose line is left out. */
void quiet_count(struct service *service, const struct client *client,
    enum outcome outcome, int64_t now);

/* Writes the lines when they are due. */
void quiet_step(struct service *service, int64_t now);

/* Writes them now: the listeners change, or the daemon stops. */
void quiet_flush(struct service *service);

/* clock_now() at which quiet_step() has something to do, CLOCK_NEVER. */
int64_t quiet_wakeup(const struct service *service);

#endif
