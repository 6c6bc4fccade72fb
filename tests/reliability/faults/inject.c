/* inject [-p ROLE=PID]... -o FILE [-c ROLE -n CALL -e ERRNO [-f FIRST]
 * [-s STEP] [-m MS] [-d MS] [-D MS] [-x SHAPE]] [COMMAND...]
 *
 * Runs the command, or goes to running processes, whose role is given, and
 * follows all that they start.  Without -c it writes a line for each system call
 * to FILE: role, name, shape.  With -c the calls of that name in that role fail:
 * the FIRST (1), or with -x the FIRST of that shape; then each STEP-th (0: no
 * other), until MS milliseconds after the first of them; FILE says how many did.
 * -d holds the process for so long each time, -D in the turn of its loop after.
 * Filters that these processes have do not see it.  Until SIGTERM, or the
 * command's end, whose exit status it then has.  Says "ready" when it has begun.
 */
#include "config.h"

#include "../../system/tracee.h"

#include <sys/syscall.h>
#include <sys/wait.h>

#include <err.h>
#include <errno.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault.h"
#include "processes.h"

#define OPTIONS \
	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | \
	    PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC)
#define SYSCALL_STOP (SIGTRAP | 0x80)
#define EVENT(status) ((status) >> 16)

static FILE *output;
static pid_t command; /* 0: none */
static const char *command_role = "master";
static int command_status = -1;
static volatile sig_atomic_t is_ending;

/* ----------------------------------------------------------------------- calls */

/* In the call's place: one that every filter of ours lets through and that does
 * nothing. */
static void
fake(struct process *process, long argument)
{
	process->is_faked = true;
	process->argument = argument;
	if (fault.call == SYS_close)
		return; /* which closes, whatever it says */
	if (strcmp(process->role, "reader") == 0) {
		set_call(process->pid, SYS_munmap); /* it may no other */
		set_second_argument(process->pid, 0);
	} else {
		set_call(process->pid, SYS_getppid);
	}
}

static void
at_entry(struct process *process, const struct __ptrace_syscall_info *info)
{
	char shape[SHAPE_SIZE];
	long call = (long)info->entry.nr;

	process->first_argument = (long)info->entry.args[0];
	if (fault.role != NULL && strcmp(process->role, fault.role) == 0)
		fault_hold_next(call);
	if (is_loaders(&process->loader, info->instruction_pointer))
		return;
	if (fault.role == NULL) {
		shape_of(shape, process->pid, info);
		fprintf(output, "%s %s\n", process->role, shape);
		return;
	}
	if (call != fault.call || is_ending ||
	    strcmp(process->role, fault.role) != 0)
		return;
	if (fault.shape != NULL) {
		shape_of(shape, process->pid, info);
		if (strcmp(shape, fault.shape) != 0)
			return;
	}
	if (fault_is_due())
		fake(process, (long)info->entry.args[1]);
}

static void
at_call(struct process *process)
{
	struct __ptrace_syscall_info info = { 0 };

	if (ptrace(PTRACE_GET_SYSCALL_INFO, process->pid, sizeof(info), &info) ==
	    -1)
		return;
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
		at_entry(process, &info);
	} else if (process->is_faked) {
		process->is_faked = false;
		set_second_argument(process->pid, process->argument);
		set_result(process->pid, -fault.error);
		fault_hold();
	}
}

/* It goes on as it was before; one that stopped in a faked call has to return
 * from that first. */
static void
resume(struct process *process, int status, int signal)
{
	bool is_group_stop = EVENT(status) == PTRACE_EVENT_STOP &&
	    WSTOPSIG(status) != SIGTRAP;
	void *data = (void *)(long)signal;

	if (is_ending && !process->is_faked) {
		ptrace(PTRACE_DETACH, process->pid, 0, data);
		process->pid = 0;
	} else if (is_group_stop) {
		ptrace(PTRACE_LISTEN, process->pid, 0, 0);
	} else {
		ptrace(PTRACE_SYSCALL, process->pid, 0, data);
	}
}

static void
at_birth(pid_t pid, const char *role)
{
	struct process *process = process_find(pid);
	bool waits = process != NULL && process->waits;

	process = process_add(pid, role);
	if (waits)
		resume(process, 0, 0);
}

/* The signal with which a stopped process goes on. */
static int
at_stop(struct process *process, int status)
{
	unsigned long child;

	if (WSTOPSIG(status) == SYSCALL_STOP) {
		at_call(process);
		return 0;
	}
	switch (EVENT(status)) {
	case 0:
		return WSTOPSIG(status);
	case PTRACE_EVENT_EXEC:
		process_at_exec(process, command, command_role);
		break;
	case PTRACE_EVENT_CLONE:
	case PTRACE_EVENT_FORK:
	case PTRACE_EVENT_VFORK:
		if (ptrace(PTRACE_GETEVENTMSG, process->pid, 0, &child) == 0)
			at_birth((pid_t)child, process_role_of_child(process));
		break;
	default:
		break;
	}
	return 0;
}

/* ------------------------------------------------------------------------ loop */

static void
on_signal(int number)
{
	size_t i;

	(void)number;
	is_ending = 1;
	/* That waitpid(2), which may be about to begin, returns. */
	for (i = 0; i < PROCESSES_MAX; i++)
		if (processes[i].pid != 0)
			ptrace(PTRACE_INTERRUPT, processes[i].pid, 0, 0);
}

/* Those whose maker has died before it could say what it had made. */
static void
release_waiting(void)
{
	size_t i;

	for (i = 0; i < PROCESSES_MAX; i++) {
		if (processes[i].pid == 0 || !processes[i].waits)
			continue;
		processes[i].waits = false;
		resume(&processes[i], 0, 0);
	}
}

static void
interrupt_all(void)
{
	size_t i;

	release_waiting();
	for (i = 0; i < PROCESSES_MAX; i++)
		if (processes[i].pid != 0)
			ptrace(PTRACE_INTERRUPT, processes[i].pid, 0, 0);
}

static bool
has_any(void)
{
	size_t i;

	for (i = 0; i < PROCESSES_MAX; i++)
		if (processes[i].pid != 0)
			return true;
	return false;
}

static int
status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
handle(pid_t pid, int status)
{
	struct process *process = process_find(pid);

	if (WIFSTOPPED(status)) {
		if (process == NULL && is_ending)
			ptrace(PTRACE_DETACH, pid, 0, 0);
		else if (process == NULL)
			process_add(pid, "")->waits = true;
		else
			resume(process, status, at_stop(process, status));
		return;
	}
	if (process != NULL)
		process->pid = 0;
	release_waiting();
	if (pid == command) {
		command_status = status_of(status);
		is_ending = 1;
		interrupt_all();
	}
}

/* What is traced no more may still run. */
static void
await(void)
{
	int status;

	while (waitpid(command, &status, 0) == -1)
		if (errno != EINTR)
			return;
	command_status = status_of(status);
}

/* Until nothing is traced any more, and the command has ended. */
static void
run(void)
{
	bool was_interrupted = false;
	int status;
	pid_t pid;

	while (has_any()) {
		pid = waitpid(-1, &status, __WALL);
		if (pid == -1 && errno != EINTR)
			return;
		if (is_ending && !was_interrupted) {
			was_interrupted = true;
			interrupt_all();
		}
		if (pid > 0)
			handle(pid, status);
	}
	if (fault.role != NULL)
		fprintf(output, "%lu\n", fault.hits);
	else
		fprintf(output, "end\n");
	if (fclose(output) != 0)
		err(1, "writing");
	if (command != 0 && command_status == -1)
		await();
}

/* ----------------------------------------------------------------------- begin */

static void
seize(pid_t pid, const char *role)
{
	if (ptrace(PTRACE_SEIZE, pid, 0,
		(void *)(long)(OPTIONS |
		    (command != 0 ? PTRACE_O_EXITKILL : 0))) == -1)
		err(1, "tracing %d", (int)pid);
	process_add(pid, role);
}

/* ROLE=PID, and interrupted, so that it stops at its calls. */
static void
attach(char *text)
{
	char *value = strchr(text, '=');
	pid_t pid;

	if (value == NULL)
		errx(64, "%s: no ROLE=PID", text);
	*value++ = '\0';
	pid = (pid_t)strtol(value, NULL, 10);
	seize(pid, text);
	ptrace(PTRACE_INTERRUPT, pid, 0, 0);
}

/* Stops before the exec, so that it is traced from there on. */
static void
start(char **argv)
{
	command = fork();
	if (command == -1)
		err(1, "fork");
	if (command == 0) {
		raise(SIGSTOP);
		execv(argv[0], argv);
		err(127, "%s", argv[0]);
	}
	if (waitpid(command, NULL, WUNTRACED) == -1)
		err(1, "waitpid");
	seize(command, ""); /* until its exec */
	kill(command, SIGCONT);
}

static void
take(int option, char *value)
{
	switch (option) {
	case 'p':
		attach(value);
		break;
	case 'o':
		output = fopen(value, "we");
		if (output == NULL)
			err(1, "%s", value);
		break;
	case 'c':
		fault.role = value;
		break;
	case 'n':
		fault.call = seccomp_syscall_resolve_name(value);
		break;
	case 'e':
		fault.error = strtol(value, NULL, 10);
		break;
	case 'f':
		fault.first = strtoul(value, NULL, 10);
		break;
	case 's':
		fault.step = strtoul(value, NULL, 10);
		break;
	case 'm':
		fault.ms = strtol(value, NULL, 10);
		break;
	case 'd':
		fault.hold_ms = strtol(value, NULL, 10);
		break;
	case 'D':
		fault.next_hold_ms = strtol(value, NULL, 10);
		break;
	case 'x':
		fault.shape = value;
		break;
	default:
		exit(64);
	}
}

int
main(int argc, char **argv)
{
	struct sigaction action = { .sa_handler = on_signal };
	int option;

	sigaction(SIGTERM, &action, NULL);
	while ((option = getopt(argc, argv, "+p:o:c:n:e:f:s:m:d:D:x:r:")) != -1) {
		if (option == 'r')
			command_role = optarg;
		else
			take(option, optarg);
	}
	if (output == NULL)
		errx(64, "-o FILE");
	if (optind < argc)
		start(argv + optind);
	else
		dprintf(STDOUT_FILENO, "ready\n");
	run();
	return command == 0 ? 0 : command_status;
}
