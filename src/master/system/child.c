/* Signalling children by a pid that cannot be trusted. */
#include "config.h"

#include "master/system/child.h"

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>

int
child_signal(pid_t pid, int signal)
{
	siginfo_t info;

	/* For kill(2), 0 and below mean other processes. */
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
