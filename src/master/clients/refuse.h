/* Turning a client away without a process: the reason, and the end. */
#ifndef MASTER_REFUSE_H
#define MASTER_REFUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/counters.h"

struct service;

/* A line for each refused client would be a flood of lines; one a second would
 * hide all offenders but one.  So each source has a line a second, and there are
 * so many a second in all: */
#define REFUSE_LINES 20

/* Start with all zero. */
struct refuse_log {
	struct {
		int64_t until; /* clock_now(): no other of this source before */
		uint64_t who; /* admit_source() */
	} line[REFUSE_LINES]; /* the last ones, a ring */
	uint32_t oldest;
	uint64_t suppressed; /* refused clients since the last line */
};

/* True when there may be a line about a client of that source now. */
bool refuse_log_pass(struct refuse_log *log, uint64_t who, int64_t now);

/*
 * Tells the slot's client why it is refused, without waiting; counts and logs
 * it, leaves its connection to service->linger, and
 * frees the slot.  It must have no child.
 */
void refuse(
    struct service *service, uint32_t slot, enum refusal why, int64_t now);

#endif
