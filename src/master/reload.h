/* Reloading: checks the new configuration while the old one serves, then swaps
 * them or leaves everything as it was. */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdint.h>

struct server;

/* Begins a wanted reload, reads what the parser has written, starts the trial
 * when there is room. */
void reload_step(struct server *server, int64_t now);

/* clock_now() at which reload_step() has something to do though no descriptor
 * says so, or CLOCK_NEVER. */
int64_t reload_wakeup(const struct server *server);

/* The trial has ended: commits the candidate or drops it, and frees it. */
void reload_passed(struct server *server, int64_t now);
void reload_failed(struct server *server, int64_t now);

/* The daemon stops: gives up a reload that is under way, on trial or not. */
void reload_cancel(struct server *server);

#endif
