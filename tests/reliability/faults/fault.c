/* When it is a call's turn. */
#include "config.h"

#include "fault.h"

#include <time.h>

struct fault fault = { .first = 1 };

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool
fault_is_due(void)
{
	unsigned long number = ++fault.seen;

	if (number < fault.first ||
	    (fault.end_ms != 0 && now_ms() >= fault.end_ms))
		return false;
	if (number > fault.first &&
	    (fault.step == 0 || (number - fault.first) % fault.step != 0))
		return false;
	if (fault.hits++ == 0 && fault.ms != 0)
		fault.end_ms = now_ms() + fault.ms;
	return true;
}

void
fault_hold(void)
{
	const struct timespec time = { 0, fault.hold_ms * 1000000 };

	if (fault.hold_ms != 0)
		nanosleep(&time, NULL);
}
