/* forkgreet --load: many connections, and what became of them. */
#ifndef CLIENT_LOAD_H
#define CLIENT_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "client/resolve.h"
#include "client/status.h"

#define LOAD_TOTAL_MAX 1000000000 /* connections */
#define LOAD_AT_MAX 30000 /* at a time: what limits.max_clients may be */

struct load {
	uint64_t total;
	unsigned at; /* at a time */
	int64_t wait_ms; /* for the look-up, and for each connection */
	bool json;
};

/*
 * Connects once to find the address that accepts, then makes the connections
 * and prints what came of them: at SIGINT or SIGTERM of those that ended until
 * then, and the signal ends the process.  Memory depends on load->at only,
 * about 700 bytes each.  A progress bar goes to standard error, if that is a
 * terminal.  Returns STATUS_OK when all were greeted, or that of the failure
 * that there was most of.
 */
enum status load_run(const struct load *load, const struct target *target);

#endif
