/* Processes that a run leaves behind. */
#include "config.h"

#include "feed/leftovers.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
		if (waitid(P_ALL, 0, &info, options) == -1) {
			if (errno == EINTR)
				continue;
			return false;
		}
		if (info.si_pid == 0)
			return false;
		if (info.si_pid == pid)
			return true;
		waitpid(info.si_pid, NULL, 0);
	}
}

/* proc(5), /proc/PID/task/TID/children: a blank after each number.  It has
 * those that have ended too, which nobody but us can reap, so that no number is
 * another's.  Returns whether there were any. */
static bool
kill_children(void)
{
	int fd = open("/proc/thread-self/children", O_RDONLY | O_CLOEXEC);
	char list[4096], *at = list, *blank;
	int64_t pid;
	ssize_t n;

	if (fd == -1)
		return false;
	n = read(fd, list, sizeof(list) - 1);
	close(fd);
	list[n > 0 ? n : 0] = '\0';
	/* What has no blank after it may have been cut. */
	for (; (blank = strchr(at, ' ')) != NULL; at = blank + 1) {
		*blank = '\0';
		if (number_parse(at, 2, INT32_MAX, &pid) == 0)
			kill((pid_t)pid, SIGKILL);
	}
	return n > 0;
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
