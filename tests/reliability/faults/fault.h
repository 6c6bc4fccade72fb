/* Which calls fail, and when. */
#ifndef TESTS_FAULT_H
#define TESTS_FAULT_H

#include <stdbool.h>
#include <stdint.h>

struct fault {
	const char *role, *shape;
	long call, error;
	unsigned long first, step;
	long ms, hold_ms, next_hold_ms;
	unsigned long seen, hits;
	int64_t end_ms;
};

extern struct fault fault;

/* Is it this call's turn? */
bool fault_is_due(void);

/* The same once, at the first call of the turn after the first fault. */
void fault_hold_next(long call);

/* What the process does before it looks at a clock again takes that long. */
void fault_hold(void);

#endif
