/* Programs of our own that run as our children. */
#include "config.h"

#include "master/system/executable.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/file.h"
#include "master/system/oom.h"
#include "master/system/privileges.h"
#include "master/system/signals.h"

/* Descriptors that are on their way to their places stay out of the way. */
#define OUT_OF_THE_WAY 16
#define NAME_ROOM 32
/* The kernel adds this when another file has the name: proc(5), /proc/pid/exe. */
#define DELETED " (deleted)"

static char self[PATH_MAX];

/* Where our own program is, or was; without /proc, where it is installed.  Returns
 * 0, or -1 with errno. */
static int
find_self(char path[PATH_MAX])
{
	ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - 1);
	size_t length = n > 0 ? (size_t)n : 0, tail = sizeof(DELETED) - 1;

	if (n == -1 && errno != ENOENT && errno != EACCES)
		return -1;
	if (n == -1) {
		snprintf(path, PATH_MAX, "%s/forkgreetd", SBINDIR);
		return 0;
	}
	if (length > tail && memcmp(path + length - tail, DELETED, tail) == 0)
		length -= tail;
	path[length] = '\0';
	return 0;
}

const char *
executable_self(void)
{
	return self;
}

int
executable_open(const char *name, const char **path, const char **why)
{
	static char beside[PATH_MAX + NAME_ROOM];
	char *slash;

	if (find_self(beside) == -1) {
		*path = "/proc/self/exe";
		*why = strerror(errno);
		return -1;
	}
	*path = beside;
	if (self[0] == '\0')
		snprintf(self, sizeof(self), "%.*s", PATH_MAX - 1, beside);
	slash = strrchr(beside, '/');
	if (slash != NULL)
		*slash = '\0';
	if (slash == NULL || strcmp(beside, SBINDIR) == 0)
		snprintf(beside, sizeof(beside), "%s/%s", PKGLIBEXECDIR, name);
	else
		snprintf(slash, NAME_ROOM, "/%s", name);
	return file_open_program(beside, why);
}

static int
move(int fd)
{
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);

	if (moved == -1 && errno == EINVAL) /* RLIMIT_NOFILE is below that */
		errno = EMFILE;
	return moved;
}

/* Puts the descriptors in their places; the program's own goes to *fd. */
static bool
place(const struct executable *executable, int *fd)
{
	int moved[sizeof(executable->fds) / sizeof(executable->fds[0])];
	size_t i;

	*fd = move(executable->fd);
	for (i = 0; i < executable->n_fds; i++)
		moved[i] = move(executable->fds[i]);
	if (*fd == -1)
		return false;
	for (i = 0; i < executable->n_fds; i++)
		if (moved[i] == -1 ||
		    dup2(moved[i], executable->first + (int)i) == -1)
			return false;
	return true;
}

/* All others, at once: until the exec a copy of a listening socket would be in the
 * way of who starts the daemon anew.  fd is above the last, and goes at the
 * exec. */
static bool
close_others(const struct executable *executable, unsigned fd)
{
	unsigned first = (unsigned)executable->first;
	unsigned end = first + (unsigned)executable->n_fds;

	return (first == 0 || close_range(0, first - 1, 0) == 0) &&
	    (end == fd || close_range(end, fd - 1, 0) == 0) &&
	    close_range(fd + 1, ~0u, 0) == 0;
}

_Noreturn static void
become(const struct executable *executable)
{
	char *const argv[] = { (char *)(uintptr_t)executable->name,
		(char *)(uintptr_t)executable->argument, NULL };
	char *const environment[] = { NULL };
	int fd;

	if (!place(executable, &fd))
		executable->fail(executable->fds[0], "dup2");
	if (!close_others(executable, (unsigned)fd))
		executable->fail(executable->first, "close_range");
	if (signals_default() == -1)
		executable->fail(executable->first, "signals");
	errno = 0;
	if (executable->own_group &&
	    (setpgid(0, 0) == -1 || getpgrp() != getpid()))
		executable->fail(executable->first, "setpgid");
	if (!executable->keeps_rights && privileges_none() == -1)
		executable->fail(executable->first, "capabilities");
	syscall(SYS_execveat, fd, "", argv, environment, AT_EMPTY_PATH);
	executable->fail(executable->first, "exec");
	_exit(1);
}

pid_t
executable_run(const struct executable *executable)
{
	pid_t pid;
	int saved;

	pid = fork();
	if (pid == 0) {
		oom_expose();
		become(executable);
	}
	saved = errno;
	if (pid > 0 && executable->own_group)
		setpgid(pid, pid); /* EACCES: the child has done so, and exec'd */
	errno = saved;
	return pid;
}
