/* One place in a crowd, and what comes in there. */
#ifndef CLIENT_VISIT_H
#define CLIENT_VISIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/crowd_order.h"

/* One place in the crowd, used again and again. */
struct visit {
	int fd; /* -1: idle */
	bool owes; /* its request is not sent yet */
	bool wrong[CROWD_TEXTS]; /* it is not this text */
	size_t sizes[CROWD_TEXTS]; /* of the texts */
	size_t got;
	uint64_t started; /* visit_now() */
	char kept[CROWD_KEPT_MAX]; /* the first bytes, for is_right() */
};

/* Nanoseconds of CLOCK_MONOTONIC. */
uint64_t visit_now(void);

/* Before a connection is made in that place. */
void visit_begin(const struct crowd_order *order, struct visit *visit);

/* n bytes came; counts in result when the first of a greeting did. */
void visit_take(const struct crowd_order *order, struct crowd_result *result,
    struct visit *visit, const char *bytes, size_t n);

/* The stream has ended: how. */
enum crowd_end visit_end(
    const struct crowd_order *order, const struct visit *visit);

#endif
