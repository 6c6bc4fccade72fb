/* Children by their pid, where the pid may be a lie. */
#include "config.h"

#include "master/system/child.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>

int
child_signal(pid_t pid, int signal)
{
	siginfo_t info;

	/* 0 and below would mean others to kill(2). */
	if (pid <= 0) {
		errno = ECHILD;
		return -1;
	}
	while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    -1)
		if (errno != EINTR)
			return -1;
	return kill(pid, signal);
}
