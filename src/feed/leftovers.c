/* Processes that a run leaves behind. */
#include "config.h"

#include "feed/leftovers.h"

#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed/events.h"
#include "shared/deadline.h"
#include "shared/number.h"

#define LIMIT_MS 1000

bool
leftovers_reap(pid_t pid)
{
	const int options = WEXITED | WNOHANG | WNOWAIT;
	siginfo_t info;

	for (;;) {
		info.si_pid = 0;
		if (waitid(P_ALL, 0, &info, options) == -1 || info.si_pid == 0)
			return false;
		if (info.si_pid == pid)
			return true;
		waitpid(info.si_pid, NULL, 0);
	}
}

/* Kills each of a list of numbers between blanks; the last one may be cut. */
static bool
kill_listed(char *list)
{
	char *blank;
	int64_t pid;
	bool any = false;

	for (; (blank = strchr(list, ' ')) != NULL; list = blank + 1) {
		*blank = '\0';
		if (number_parse(list, 2, INT32_MAX, &pid) == 0) {
			kill((pid_t)pid, SIGKILL);
			any = true;
		}
	}
	return any;
}

/* proc(5), /proc/PID/task/TID/children: of those that have ended too, which
 * nobody but us can reap, so that no number is another's.  Returns whether
 * there were any. */
static bool
kill_children(void)
{
	char path[64], list[4096];
	ssize_t n = -1;
	int fd;

	snprintf(
	    path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1) {
		n = read(fd, list, sizeof(list) - 1);
		close(fd);
	}
	if (n <= 0)
		return false;
	list[n] = '\0';
	return kill_listed(list);
}

void
leftovers_kill(void)
{
	int64_t deadline = deadline_after(LIMIT_MS);

	for (;;) {
		leftovers_reap(-1);
		if (!kill_children() || deadline_left(deadline) <= 0)
			return;
		events_wait(NULL, 0, deadline);
	}
}
