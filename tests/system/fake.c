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

#include <sys/ptrace.h>
#include <sys/syscall.h>

#include <err.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

#include "trace.h"
#include "tracee.h"

static struct fault {
	unsigned process;
	long call;
	unsigned count;
	long result;
	bool in_call;
} fault;

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
at_call(
    pid_t pid, unsigned number, const struct __ptrace_syscall_info *info)
{
	if (number != fault.process)
		return;
	if (info->op == PTRACE_SYSCALL_INFO_ENTRY)
		at_entry(pid, (long)info->entry.nr);
	else if (info->op == PTRACE_SYSCALL_INFO_EXIT)
		at_exit(pid);
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
	return trace_run(trace_start(argv + 5, TRACE_KILL), at_call);
}
