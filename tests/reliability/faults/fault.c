/* When it is a call's turn. */
#include "config.h"

#include "fault.h"

#include <sys/syscall.h>

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

static void
hold(long ms)
{
	const struct timespec time = { 0, ms * 1000000 };

	if (ms != 0)
		nanosleep(&time, NULL);
}

void
fault_hold(void)
{
	hold(fault.hold_ms);
}

void
fault_hold_next(long call)
{
	static bool is_next;
	bool begins = call == SYS_epoll_pwait;

#ifdef SYS_epoll_wait
	begins |= call == SYS_epoll_wait;
#endif
	if (fault.hits == 0 || fault.next_hold_ms == 0)
		return;
	if (begins) {
		is_next = true;
	} else if (is_next) {
		hold(fault.next_hold_ms);
		fault.next_hold_ms = 0;
	}
}
