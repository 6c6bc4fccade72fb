/* Connecting a client. */
#ifndef SOAK_DIAL_H
#define SOAK_DIAL_H

#include "reliability/soak/swarm.h"

/*
 * A nonblocking socket that is connected to the target, or -1.  Waits for that,
 * so that whoever got through has been counted; at most so many seconds.
 * slowly: with the smallest of receive buffers.  random draws its source, which
 * may change the kinds that are right; who it is stands in got afterwards.
 */
int dial(struct got *got, uint64_t random, bool slowly, unsigned seconds);

#endif
