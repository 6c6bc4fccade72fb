/* SIGHUP: check the new configuration while the old one serves, then swap or
 * leave all as it was. */
#ifndef MASTER_RELOAD_H
#define MASTER_RELOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "master/control/status.h"

struct candidate;
struct load;
struct server;

/* Start with all zero. */
struct reload {
	bool wanted; /* SIGHUP came, and has not been looked at */
	struct load *load; /* being parsed */
	struct candidate *candidate; /* parsed; waiting for its trial, or on it */
	bool on_trial;
	bool is_sound; /* what is wrong now is not the configuration's text */
	struct reload_result last;
};

/* Begins what is wanted, takes what the reader has said, starts the
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
