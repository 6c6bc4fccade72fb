/* What a client does, and what it says for that. */
#ifndef SOAK_REQUEST_H
#define SOAK_REQUEST_H

#include "reliability/soak/swarm.h"

enum manner {
	MANNER_READ, /* says all, reads all, closes */
	MANNER_TALK, /* says something that nobody asked for before */
	MANNER_PIECES, /* says it in two pieces */
	MANNER_HEAD, /* HEAD */
	MANNER_SLOW, /* reads little at a time */
	MANNER_STAY, /* does not close for a while */
	MANNER_BAD, /* a wrong request */
	MANNER_STUCK, /* says half, and waits */
	MANNER_POLITE, /* how many of these there are: they want an answer */
	MANNER_RESET = MANNER_POLITE, /* resets at once */
	MANNER_FIRST, /* resets after the first bytes */
	MANNER_LEAVE, /* closes at once */
	MANNER_HALF, /* says half, and closes */
	MANNERS
};

#define REQUEST_MAX 512

struct request {
	char bytes[REQUEST_MAX];
	size_t length;
	size_t first; /* of them come first */
};

/* One that the target's clients have, each as often as it should be. */
enum manner request_manner(const struct target *target, uint32_t random);

/*
 * What a client of that manner says.  Changes what is expected for it in got:
 * the kinds, and behind a proxy, who it is, made of random.
 */
void request_make(struct request *request, enum manner manner, uint64_t random,
    struct got *got);

#endif
