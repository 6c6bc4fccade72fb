/* Traces processes, and what they start, at their system calls. */
#include "config.h"

#include "trace.h"

#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <signal.h>
#include <unistd.h>

#define PROCESSES_MAX 4096
#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | \
	    PTRACE_O_TRACEVFORK)
#define SYSCALL_STOP (SIGTRAP | 0x80)

static pid_t processes[PROCESSES_MAX];
static unsigned n_processes;

/* Which process it is; new ones are added. */
static unsigned
process_number(pid_t pid)
{
	unsigned i;

	for (i = 0; i < n_processes; i++)
		if (processes[i] == pid)
			return i + 1;
	if (n_processes == PROCESSES_MAX)
		errx(1, "too many processes");
	processes[n_processes++] = pid;
	return n_processes;
}

static void
at_call(pid_t pid, unsigned number, trace_call *call)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) != -1)
		call(pid, number, &info);
	else if (errno != ESRCH)
		err(1, "PTRACE_GET_SYSCALL_INFO");
}

/* The signal with which a stopped process goes on. */
static int
at_stop(pid_t pid, int status, trace_call *call)
{
	unsigned number = process_number(pid);
	unsigned long child;

	if (WSTOPSIG(status) == SYSCALL_STOP) {
		at_call(pid, number, call);
		return 0;
	}
	if (status >> 16 == 0)
		return WSTOPSIG(status);
	if (status >> 16 != PTRACE_EVENT_STOP &&
	    ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0)
		process_number((pid_t)child);
	return 0;
}

int
trace_run(pid_t traced, trace_call *call)
{
	int status, signal;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid == -1)
			err(1, "waitpid");
		if (WIFSTOPPED(status)) {
			signal = at_stop(pid, status, call);
			ptrace(PTRACE_SYSCALL, pid, 0, (void *)(long)signal);
		} else if (pid == traced) {
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
		}
	}
}

static void
seize(pid_t pid, int flags)
{
	long options = OPTIONS | (flags & TRACE_KILL ? PTRACE_O_EXITKILL : 0);

	if (ptrace(PTRACE_SEIZE, pid, 0, (void *)options) == -1)
		err(1, "tracing process %ld", (long)pid);
	process_number(pid);
}

pid_t
trace_start(char **argv, int flags)
{
	pid_t pid = fork();

	switch (pid) {
	case -1:
		err(1, "fork");
	case 0:
		raise(SIGSTOP);
		execv(argv[0], argv);
		err(127, "%s", argv[0]);
	default:
		break;
	}
	if (waitpid(pid, NULL, WUNTRACED) == -1)
		err(1, "waitpid");
	seize(pid, flags);
	if (kill(pid, SIGCONT) == -1)
		err(1, "kill");
	return pid;
}

void
trace_attach(pid_t pid, int flags)
{
	seize(pid, flags);
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) == -1)
		err(1, "PTRACE_INTERRUPT");
}
