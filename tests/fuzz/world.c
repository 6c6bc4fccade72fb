/* Processes that do not exist. */
#include "config.h"

#include "world.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"

struct world world;

pid_t __wrap_getpgid(pid_t pid);
pid_t __wrap_getpgrp(void);
int __wrap_kill(pid_t pid, int signal);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
pid_t __wrap_launch(int executable, int socket, int plan, int page);
pid_t __wrap_wait4(
    pid_t pid, int *status, int flags, struct rusage *usage);
pid_t __wrap_waitpid(pid_t pid, int *status, int flags);
int __wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int flags);

void
world_reset(void)
{
	unsigned i;

	for (i = 0; i < world.n; i++)
		if (world.list[i].socket != -1)
			close(world.list[i].socket);
	world.n = 0;
}

pid_t
world_fork(int socket, pid_t group)
{
	if (world.n == WORLD_PROCESSES) {
		errno = EAGAIN;
		return -1;
	}
	world.list[world.n] = (struct process) { .socket = socket,
		.group = group != 0 ? group :
				      WORLD_FIRST_PID + (pid_t)world.n };
	return WORLD_FIRST_PID + (pid_t)world.n++;
}

struct process *
world_find(pid_t pid)
{
	if (pid < WORLD_FIRST_PID || pid - WORLD_FIRST_PID >= (pid_t)world.n)
		return NULL;
	return &world.list[pid - WORLD_FIRST_PID];
}

bool
world_is_child(pid_t pid)
{
	const struct process *process = world_find(pid);

	return process != NULL && process->state != PROCESS_REAPED;
}

void
world_end(struct process *process, int status)
{
	if (process->state != PROCESS_RUNS)
		return;
	process->state = PROCESS_ENDED;
	process->status = status;
	if (process->socket != -1)
		close(process->socket);
	process->socket = -1;
}

/* The first unreaped one of a group (0: of all) that has ended, or, should there
 * be none, any; NULL: nobody is left there. */
static struct process *
first_of(pid_t group)
{
	struct process *process = world.list, *found = NULL;
	const struct process *end = process + world.n;

	for (; process < end; process++) {
		if (process->state == PROCESS_REAPED ||
		    (group != 0 && process->group != group))
			continue;
		if (process->state == PROCESS_ENDED)
			return process;
		found = process;
	}
	return found;
}

static pid_t
pid_of(const struct process *process)
{
	return WORLD_FIRST_PID + (pid_t)(process - world.list);
}

/* ---------------------------------------------------- what the master calls */

pid_t
__wrap_getpgid(pid_t pid)
{
	if (world_is_child(pid))
		return world_find(pid)->group;
	errno = ESRCH;
	return -1;
}

pid_t
__wrap_getpgrp(void)
{
	return WORLD_OWN_GROUP;
}

int
__wrap_kill(pid_t pid, int signal)
{
	unsigned i;

	if (pid > 0) {
		MUST(world_is_child(pid));
		world_end(world_find(pid), signal);
		return 0;
	}
	MUST(pid < -1 && pid != -WORLD_OWN_GROUP);
	MUST(first_of(-pid) != NULL); /* else the number may be a stranger's */
	for (i = 0; i < world.n; i++)
		if (world.list[i].group == -pid)
			world_end(&world.list[i], signal);
	return 0;
}

int
__wrap_pidfd_open(pid_t pid, unsigned flags)
{
	MUST(flags == 0 && world_is_child(pid));
	return eventfd(0, EFD_CLOEXEC);
}

/* The spawner keeps its end of the socket. */
pid_t
__wrap_launch(int executable, int socket, int plan, int page)
{
	int copy = fcntl(socket, F_DUPFD_CLOEXEC, 0);
	pid_t pid = world_fork(copy, 0);

	(void)executable;
	(void)plan;
	(void)page;
	if (pid == -1)
		close(copy);
	return pid;
}

pid_t
__wrap_wait4(pid_t pid, int *status, int flags, struct rusage *usage)
{
	struct process *process =
	    pid > 0 ? world_find(pid) : first_of(-pid);

	MUST(pid > 0 || pid < -1); /* others mean any child, or our group */
	if (usage != NULL)
		memset(usage, 0, sizeof(*usage));
	if (process == NULL || process->state == PROCESS_REAPED) {
		errno = ECHILD;
		return -1;
	}
	/* Without WNOHANG the service would stand still. */
	MUST(process->state == PROCESS_ENDED || flags & WNOHANG);
	if (process->state == PROCESS_RUNS)
		return 0;
	process->state = PROCESS_REAPED;
	if (status != NULL)
		*status = process->status;
	return pid_of(process);
}

pid_t
__wrap_waitpid(pid_t pid, int *status, int flags)
{
	return __wrap_wait4(pid, status, flags, NULL);
}

int
__wrap_waitid(idtype_t type, id_t id, siginfo_t *info, int flags)
{
	const struct process *process = type == P_PID ?
	    world_find((pid_t)id) :
	    first_of(type == P_ALL ? 0 : (pid_t)id);

	MUST(flags == (WEXITED | WNOHANG | WNOWAIT));
	if (process != NULL && process->state != PROCESS_REAPED) {
		info->si_pid =
		    process->state == PROCESS_ENDED ? pid_of(process) : 0;
		return 0;
	}
	errno = (pid_t)id <= 0 ? EINVAL : ECHILD;
	return -1;
}
