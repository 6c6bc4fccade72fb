/* fake PROCESS CALL COUNT RESULT COMMAND...: runs the command and makes one
 * system call of one process have no effect but its result.
 *
 * PROCESS counts processes in the order of their creation, the command is 1.
 * CALL is a name; COUNT says which of this process' calls of that name.  RESULT
 * is what it returns, 0 or a negative errno.  Unlike strace(1), whose faults are
 * counted for each process on its own, no other process is touched, and filters
 * that these processes load do not see the fake.  Says "faked" on standard
 * output when it did; the exit status is the command's (128 + signal).  All
 * processes end with this one.
 */
#include "config.h"

#include "tracee.h"

#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#define PROCESSES_MAX 4096
#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL | PTRACE_O_TRACECLONE | \
	    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK)
#define SYSCALL_STOP (SIGTRAP | 0x80)

static pid_t processes[PROCESSES_MAX];
static unsigned n_processes;

static struct fault {
	unsigned process;
	long call;
	unsigned count;
	long result;
	bool in_call;
} fault;

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

/* ----------------------------------------------------------------------- calls */

/* In the call's place: one that every filter of ours lets through and that does
 * nothing. */
static long
make_harmless(pid_t pid)
{
	if (fault.call == SYS_munmap) /* the reader has no other */
		return set_second_argument(pid, 0);
	return set_call(pid, SYS_getppid);
}

static void
at_entry(pid_t pid, long call)
{
	static unsigned count;

	if (call != fault.call || ++count != fault.count)
		return;
	if (make_harmless(pid) == -1)
		err(1, "ptrace");
	fault.in_call = true;
}

static void
at_exit(pid_t pid)
{
	if (!fault.in_call)
		return;
	fault.in_call = false;
	if (set_result(pid, fault.result) == -1)
		err(1, "ptrace");
	if (write(STDOUT_FILENO, "faked\n", 6) != 6)
		err(1, "write");
}

static void
at_call(pid_t pid)
{
	struct __ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof(info), &info) == -1) {
		if (errno != ESRCH)
			err(1, "PTRACE_GET_SYSCALL_INFO");
		return;
	}
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		at_entry(pid, (long)info.entry.nr);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		at_exit(pid);
}

/* The signal with which a stopped process goes on. */
static int
at_stop(pid_t pid, int status)
{
	unsigned number = process_number(pid);
	unsigned long child;

	if (WSTOPSIG(status) == SYSCALL_STOP) {
		if (number == fault.process)
			at_call(pid);
		return 0;
	}
	if (status >> 16 == 0)
		return WSTOPSIG(status);
	if (status >> 16 != PTRACE_EVENT_STOP &&
	    ptrace(PTRACE_GETEVENTMSG, pid, 0, &child) == 0)
		process_number((pid_t)child);
	return 0;
}

/* Until the command ends; returns its exit status. */
static int
run(pid_t command)
{
	int status, signal;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid == -1)
			err(1, "waitpid");
		if (WIFSTOPPED(status)) {
			signal = at_stop(pid, status);
			ptrace(PTRACE_SYSCALL, pid, 0, (void *)(long)signal);
		} else if (pid == command) {
			return WIFEXITED(status) ? WEXITSTATUS(status)
						 : 128 + WTERMSIG(status);
		}
	}
}

/* Stops before the exec, so that it is traced from there on. */
static pid_t
start(char **argv)
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
	if (waitpid(pid, NULL, WUNTRACED) == -1 ||
	    ptrace(PTRACE_SEIZE, pid, 0, (void *)OPTIONS) == -1 ||
	    kill(pid, SIGCONT) == -1)
		err(1, "tracing %s", argv[0]);
	process_number(pid);
	return pid;
}

int
main(int argc, char **argv)
{
	if (argc < 6)
		errx(64, "fake PROCESS CALL COUNT RESULT COMMAND...");
	fault.process = (unsigned)strtoul(argv[1], NULL, 10);
	fault.call = seccomp_syscall_resolve_name(argv[2]);
	fault.count = (unsigned)strtoul(argv[3], NULL, 10);
	fault.result = strtol(argv[4], NULL, 10);
	if (fault.call < 0)
		errx(64, "%s: no system call", argv[2]);
	return run(start(argv + 5));
}
