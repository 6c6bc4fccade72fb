/* SIGHUP: check the new configuration while the old one serves, then swap or
 * leave all as it was. */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

struct candidate;
struct conf_load;
struct server;

/* Start with all zero. */
struct reload {
	bool wanted; /* SIGHUP came, and has not been looked at */
	struct conf_load *load; /* being parsed */
	struct candidate *candidate; /* parsed; waiting for its trial, or on it */
	bool on_trial;
};

/* Begins what is wanted, reads what the parsing child has written, starts the
 * trial when there is room. */
void reload_step(struct server *server, int64_t now);

/* The trial's end, told by generations.c.  The candidate is freed. */
void reload_passed(struct server *server, uint64_t added, uint64_t removed);
void reload_failed(struct server *server);

/* The daemon stops: gives up a reload that is under way, on trial or not. */
void reload_cancel(struct server *server);

#endif
