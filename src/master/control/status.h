/* What forkgreetctl prints: texts made of the daemon's state. */
#ifndef MASTER_CONTROL_STATUS_H
#define MASTER_CONTROL_STATUS_H

#include <stdbool.h>
#include <stdint.h>

struct service;

/* How the last reload ended. */
struct reload_result {
	int64_t ended; /* time(2), 0: there was none */
	bool ok;
	uint64_t added; /* sockets; 0 when it failed */
	uint64_t removed;
};

/* All that can be shown of the daemon; the pointers are borrowed. */
struct overview {
	const struct service *service;
	const struct reload_result *reload;
	int64_t ready_at; /* clock_now() when it began to serve */
	int64_t started_at; /* time(2) of that */
	int64_t configured_at; /* time(2) when the running configuration came
				* into force */
	bool stopping;
};

/* All that "status" shows, for people or as one JSON object: a text that the
 * caller frees, or NULL when memory ran out. */
char *status_text(const struct overview *overview, bool json, int64_t now);

#endif
