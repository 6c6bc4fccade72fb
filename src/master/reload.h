/* SIGHUP: check the new configuration while the old one serves, then swap or
 * leave all as it was. */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdint.h>

struct server;

/* Begins what is wanted, reads what the parsing child has written, starts the
 * trial when there is room. */
void reload_step(struct server *server, int64_t now);

/* clock_now() at which reload_step() has something to do though no descriptor
 * says so, CLOCK_NEVER. */
int64_t reload_wakeup(const struct server *server);

/* The trial's end.  The candidate is committed, or given up, and freed. */
void reload_passed(struct server *server, int64_t now);
void reload_failed(struct server *server, int64_t now);

/* The daemon stops: gives up a reload that is under way, on trial or not. */
void reload_cancel(struct server *server);

#endif
