/* What the daemon knows that decides about one client: the answer to "counts",
 * and its reading by forkgreetd -E, which is the other end. */
#ifndef MASTER_CONTROL_COUNTS_H
#define MASTER_CONTROL_COUNTS_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/levels.h"
#include "master/clients/service.h"

struct addr;
struct overview;

struct counts {
	int64_t pid;
	int64_t fingerprint; /* of its configuration, struct conf */
	int64_t stopping; /* bool: no client is accepted any more */
	int64_t next_id; /* of the next client */
	int64_t clients; /* that hold a place of limits.max_clients */
	int64_t known; /* bool: it has that listener; 0: so is all below */
	int64_t listener_clients; /* likewise, of the listener */
	struct levels levels;
	int64_t state; /* of the listener: struct listener_state */
	int64_t weight;
	int64_t until;
	char reason[STATE_REASON_MAX + 1];
};

/* What a daemon that has no client, and never had one, would say. */
#define COUNTS_NONE                                                           \
	((struct counts) { .next_id = 0, .weight = -1,                        \
	    .levels = { 0, LEVELS_NONE, LEVELS_NONE, LEVELS_NONE } })

/* Of the listener with that name and the address. */
void counts_take(struct counts *counts, const struct overview *overview,
    const char *listener, const struct addr *source, int64_t now);

/* One line of NAME=NUMBER, last reason=TEXT (shared/control_words.h); the caller
 * frees it.  NULL when memory ran out. */
char *counts_text(const struct counts *counts);

/* Reads such a line, which is changed: length bytes with a NUL behind them, of
 * whoever they are.  Returns 0, or -1 when it is none. */
int counts_parse(struct counts *counts, char *line, size_t length);

#endif
