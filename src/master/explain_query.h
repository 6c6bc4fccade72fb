/* The client that forkgreetd -E is asked about. */
#ifndef MASTER_EXPLAIN_QUERY_H
#define MASTER_EXPLAIN_QUERY_H

#include <stdbool.h>

#include "master/config/conf.h"
#include "shared/addr.h"
#include "shared/state.h"

struct explain_query {
	char listener[CONF_NAME_MAX + 1];
	struct addr source; /* without a port */
	bool has_state;
	enum state state; /* that its listener is taken to be in, if it has one */
	bool raw; /* only the bytes that the client gets, as they are */
};

/*
 * Reads "KEY=VALUE,...", each key at most once: src (a numeric
 * address, perhaps with a "%scope") and listener must be there, state and raw may
 * be.  A
 * comma that no KEY= follows is part of a value: names may have commas.  Ends
 * the process with EXIT_USAGE and what is wrong.
 */
void explain_query_parse(struct explain_query *query, const char *text);

#endif
