/* Waiting until a moment on the monotonic clock. */
#include "config.h"

#include "shared/deadline.h"

#include <sys/time.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <time.h>

#define NS_PER_MS 1000000
#define NS_PER_S 1000000000
#define NS_PER_US 1000
#define TICK_US                                                      \
	100000 /* a signal that comes before the call starts is lost \
		*/

static int64_t
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t
deadline_after(int64_t ms)
{
	return clock_now() + ms * NS_PER_MS;
}

int64_t
deadline_left(int64_t deadline)
{
	return deadline - clock_now();
}

int64_t
deadline_share(int64_t deadline, size_t parts)
{
	int64_t now = clock_now();

	return now + (deadline - now) / (int64_t)parts;
}

int
deadline_wait(int64_t deadline, int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int64_t left;
	int n;

	do {
		left = deadline_left(deadline);
		if (left < 0)
			left = 0;
		/* Rounded up: a wait must not end early. */
		n = poll(&pfd, 1, (int)((left + NS_PER_MS - 1) / NS_PER_MS));
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		return 0;
	if (n == 0)
		errno = ETIMEDOUT;
	return -1;
}

static void
interrupt(int signal)
{
	(void)signal;
}

void
deadline_interrupt(int64_t deadline)
{
	const struct sigaction action = { .sa_handler = interrupt };
	struct itimerval timer = { .it_interval.tv_usec = TICK_US };
	int64_t left = deadline_left(deadline);
	sigset_t set;

	if (left < NS_PER_US)
		left = NS_PER_US; /* 0 would stop the timer */
	timer.it_value.tv_sec = (time_t)(left / NS_PER_S);
	timer.it_value.tv_usec = (suseconds_t)(left % NS_PER_S / NS_PER_US);
	sigaction(SIGALRM, &action, NULL);
	sigemptyset(&set);
	sigaddset(&set, SIGALRM);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
}
