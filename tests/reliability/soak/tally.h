/* What came of the clients. */
#ifndef SOAK_TALLY_H
#define SOAK_TALLY_H

#include "reliability/soak/swarm.h"

/* What came of a target's clients. */
struct tally {
	uint64_t connected, unmade, impolite;
	uint64_t whole[KINDS]; /* of the polite */
	uint64_t reset, empty, cut, timeout, wrong;
};

/* A line of JSON on standard output: an object for each target. */
void tally_print(const struct tally tallies[], const struct target targets[],
    unsigned count);

#endif
