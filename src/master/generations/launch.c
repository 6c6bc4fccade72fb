/* Starting a forkgreet-spawner process. */
#include "config.h"

#include "master/generations/launch.h"

#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/file.h"
#include "master/system/oom.h"
#include "master/system/privileges.h"
#include "master/system/signals.h"
#include "shared/plan.h"

#define INSTALLED PKGLIBEXECDIR "/forkgreet-spawner"

/* Descriptors that are on their way to their places stay out of the way. */
#define OUT_OF_THE_WAY 16

int
launch_open(const char **path, const char **why)
{
	static char beside[PATH_MAX + 32];
	ssize_t n = readlink("/proc/self/exe", beside, PATH_MAX);
	char *slash;

	*path = INSTALLED;
	if (n > 0) {
		beside[n] = '\0';
		slash = strrchr(beside, '/');
		*slash = '\0';
		if (strcmp(beside, SBINDIR) != 0) {
			snprintf(slash, 32, "/forkgreet-spawner");
			*path = beside;
		}
	}
	return file_open_program(*path, why);
}

/* Tells the master, as the spawner itself would. */
_Noreturn static void
fail(int socket, const char *step)
{
	struct plan_failure failure = { .error = errno };

	snprintf(failure.step, sizeof(failure.step), "%s", step);
	send(socket, &failure, sizeof(failure), MSG_NOSIGNAL);
	_exit(1);
}

static void
move(int *fd, int socket)
{
	*fd = fcntl(*fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
	if (*fd == -1)
		fail(socket, "fcntl F_DUPFD_CLOEXEC");
}

_Noreturn static void
become(int executable, int socket, int plan, int page)
{
	static char name[] = "forkgreet-spawner";
	char *const argv[] = { name, NULL };
	char *const environment[] = { NULL };

	move(&executable, socket);
	move(&plan, socket);
	move(&page, socket);
	move(&socket, socket);
	if (dup2(socket, SPAWNER_SOCKET) == -1 ||
	    dup2(plan, SPAWNER_PLAN) == -1 || dup2(page, SPAWNER_PAGE) == -1)
		fail(socket, "dup2");
	if (close_range(0, SPAWNER_SOCKET - 1, 0) == -1 ||
	    close_range(SPAWNER_PAGE + 1, ~0u, CLOSE_RANGE_CLOEXEC) == -1)
		fail(SPAWNER_SOCKET, "close_range");
	if (signals_default() == -1)
		fail(SPAWNER_SOCKET, "signals");
	errno = 0;
	if (setpgid(0, 0) == -1 || getpgrp() != getpid())
		fail(SPAWNER_SOCKET, "setpgid");
	if (privileges_none() == -1)
		fail(SPAWNER_SOCKET, "capabilities");
	syscall(SYS_execveat, executable, "", argv, environment,
	    AT_EMPTY_PATH);
	fail(SPAWNER_SOCKET, "exec of forkgreet-spawner");
}

pid_t
launch(int executable, int socket, int plan, int page)
{
	pid_t pid;
	int saved;

	oom_expose(true);
	pid = fork();
	if (pid == 0)
		become(executable, socket, plan, page);
	saved = errno;
	if (pid > 0) /* EACCES: the child has done so, and exec'd */
		setpgid(pid, pid);
	oom_expose(false);
	errno = saved;
	return pid;
}
