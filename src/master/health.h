/* Health files: what others say that a listener is ready for. */
#ifndef MASTER_HEALTH_H
#define MASTER_HEALTH_H

#include <stdint.h>

struct server;

/* Reads the health files of the running configuration, each at once: before its
 * first client. */
void health_begin(struct server *server, int64_t now);

/* Looks at those that are due.  Where one says something else, the listener's
 * state follows. */
void health_step(struct server *server, int64_t now);

/* clock_now() at which health_step() has something to do, or CLOCK_NEVER. */
int64_t health_wakeup(const struct server *server);

#endif
