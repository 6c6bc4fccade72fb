/* The command line of forkgreet. */
#ifndef CLIENT_OPTIONS_H
#define CLIENT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "client/check.h"
#include "client/load.h"
#include "client/resolve.h"

/* What the command line asks for. */
struct options {
	struct target target;
	int64_t wait_ms;
	bool json;
	bool checks; /* --check */
	struct check check;
	bool loads; /* --load */
	struct load load;
	const char *print; /* if not NULL, print this text and nothing else */
};

/* Fills options, whose texts point into argv, where operands are cut in place.
 * Returns 0, or -1 when the command line is wrong, which has been said. */
int options_parse(struct options *options, int argc, char **argv);

#endif
