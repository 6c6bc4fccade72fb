/* Signalling children by a pid that cannot be trusted. */
#include "config.h"

#include "master/system/child.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

#include "master/system/clock.h"

#define ADOPT_INTERVAL CLOCK_SECOND /* waitid(2) walks all live children */

static bool adopts;
static int64_t adopt_due = CLOCK_NEVER;
static int64_t adopt_next; /* not before */

bool
child_is_ours(pid_t pid)
{
	siginfo_t info;

	/* For kill(2), 0 and below mean other processes. */
	if (pid <= 0) {
		errno = ECHILD;
		return false;
	}
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    -1)
		if (errno != EINTR)
			return false;
	return true;
}

int
child_signal(pid_t pid, int signal)
{
	return child_is_ours(pid) ? kill(pid, signal) : -1;
}

bool
child_end(pid_t pid)
{
	const struct timespec nap = { 0, 1000000 };
	int ms;

	for (ms = 0; ms < CHILD_END_MS; ms++) {
		child_signal(pid, SIGKILL);
		if (waitpid(pid, NULL, WNOHANG) != 0)
			return true;
		nanosleep(&nap, NULL);
	}
	return false;
}

/* Any child that has ended, 0: none has, -1: there is no child at all. */
static pid_t
ended_child(void)
{
	siginfo_t info = { .si_pid = 0 };

	while (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == -1)
		if (errno != EINTR)
			return -1;
	return info.si_pid;
}

int
child_ends_with(pid_t parent)
{
	int number = 0;

	errno = 0;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) == -1 ||
	    prctl(PR_GET_PDEATHSIG, &number, 0, 0, 0) == -1)
		return -1;
	return number == SIGKILL && getppid() == parent ? 0 : -1;
}

void
child_adopt_init(void)
{
	int subreaper = 0;

	prctl(PR_GET_CHILD_SUBREAPER, &subreaper, 0, 0, 0);
	adopts = getpid() == 1 || subreaper != 0 || ended_child() != -1;
	adopt_due = adopts ? 0 : CLOCK_NEVER;
}

void
child_ended(int64_t now)
{
	if (adopts && adopt_due == CLOCK_NEVER)
		adopt_due = now > adopt_next ? now : adopt_next;
}

int64_t
child_adopt_wakeup(void)
{
	return adopt_due;
}

void
child_adopt_step(int64_t now,
    bool (*is_ours)(const void *context, pid_t pid), const void *context)
{
	pid_t pid;

	if (now < adopt_due)
		return;
	adopt_due = CLOCK_NEVER;
	adopt_next = now + ADOPT_INTERVAL;
	while ((pid = ended_child()) > 0) {
		if (is_ours(context, pid)) { /* it hides those behind it */
			adopt_due = adopt_next;
			return;
		}
		while (waitpid(pid, NULL, WNOHANG) == -1 && errno == EINTR)
			continue;
	}
}
