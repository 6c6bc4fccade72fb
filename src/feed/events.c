/* The one place where the feed waits. */
#include "config.h"

#include "feed/events.h"

#include <sys/signalfd.h>

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include "feed/notify.h"
#include "shared/deadline.h"

#define NS_PER_MS 1000000

static int signals = -1;
static unsigned stops;

static void
add_unless_ignored(sigset_t *set, int number)
{
	struct sigaction action;

	if (sigaction(number, NULL, &action) == 0 &&
	    action.sa_handler != SIG_IGN)
		sigaddset(set, number);
}

int
events_init(void)
{
	sigset_t set;

	/* Ignored, it would have the kernel reap children. */
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGQUIT);
	add_unless_ignored(&set, SIGHUP);
	if (sigprocmask(SIG_BLOCK, &set, NULL) == -1)
		return -1;
	signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return signals == -1 ? -1 : 0;
}

static void
signals_read(void)
{
	struct signalfd_siginfo info;

	while (read(signals, &info, sizeof(info)) == sizeof(info)) {
		if (info.ssi_signo == SIGCHLD)
			continue;
		if (stops++ == 0)
			notify_stopping();
	}
}

void
events_wait(const int *fds, size_t n, int64_t deadline)
{
	struct pollfd polled[EVENTS_MAX + 1];
	int64_t left = deadline_left(notify_wakeup(deadline));
	size_t i;

	for (i = 0; i < n; i++)
		polled[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	polled[n] = (struct pollfd){ .fd = signals, .events = POLLIN };
	if (left < 0)
		left = 0;
	/* Rounded up: a wait must not end early. */
	(void)poll(polled, n + 1, (int)((left + NS_PER_MS - 1) / NS_PER_MS));
	signals_read();
	notify_step();
}

unsigned
events_stops(void)
{
	return stops;
}
