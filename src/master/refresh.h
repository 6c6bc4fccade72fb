/* Puts changed texts of greeting files in force, without a reload: a generation
 * of the same configuration, at most one a second, of which the log says
 * nothing unless it fails. */
#ifndef MASTER_REFRESH_H
#define MASTER_REFRESH_H

#include <stdbool.h>
#include <stdint.h>

struct server;

/* A configuration is in force now: what was begun for another is dropped. */
void refresh_begin(struct server *server, int64_t now);

/* Does what is due, in steps that the clients do not notice. */
void refresh_step(struct server *server, int64_t now);

/* clock_now() at which refresh_step() has something to do, or CLOCK_NEVER. */
int64_t refresh_wakeup(const struct server *server);

/* Is the generation on trial ours?  Then its end is for us. */
bool refresh_is_trying(const struct server *server);
void refresh_passed(struct server *server, int64_t now);
void refresh_failed(struct server *server, int64_t now);

/* The end, also of a trial. */
void refresh_cancel(struct server *server);

#endif
