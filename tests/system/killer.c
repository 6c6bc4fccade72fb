/* killer [-s] [-v VICTIM] PROCESS COUNT PID...: kills a process of these at one
 * of its system calls, before the call has an effect; -s: stops it.
 *
 * Processes are counted in the order given, then of their creation; COUNT says
 * which of the calls of that PROCESS.  VICTIM, a pid, is killed in its place.
 * Says "traced" once all are, and "killed PID NAME CALL" when it did; ends then,
 * or with the first PID.  COUNT 0 kills nobody: each call is written, as "PROCESS
 * NAME CALL".  NAME is what the process calls itself, or '-'.
 */
#include "config.h"

#include <errno.h>
#include <err.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

static unsigned process;
static unsigned long count;
static pid_t victim;
static int number = SIGKILL;

/* The process's name, of at most 15 characters. */
static void
process_name(pid_t pid, char name[16])
{
	char path[32];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/comm", (long)pid);
	file = fopen(path, "r");
	if (file == NULL || fgets(name, 16, file) == NULL)
		strcpy(name, "-");
	name[strcspn(name, "\n")] = '\0';
	if (file != NULL)
		fclose(file);
}

static char *
call_name(const struct __ptrace_syscall_info *info)
{
	return seccomp_syscall_resolve_num_arch(
	    info->arch, (int)info->entry.nr);
}

static void
list(pid_t pid, unsigned which, const struct __ptrace_syscall_info *info)
{
	char *call = call_name(info);
	char name[16];

	process_name(pid, name);
	printf("%u %s %s\n", which, name, call != NULL ? call : "-");
	fflush(stdout);
	free(call);
}

static void
end(pid_t pid, const struct __ptrace_syscall_info *info)
{
	pid_t target = victim != 0 ? victim : pid;
	char *call = call_name(info);
	char name[16];

	process_name(target, name);
	signal(SIGTERM, SIG_IGN); /* whoever is killed is told of */
	if (kill(target, number) == -1 && errno != ESRCH)
		err(1, "kill");
	printf("killed %ld %s %s\n", (long)target, name,
	    call != NULL ? call : "-");
	free(call);
	exit(0);
}

static void
at_call(
    pid_t pid, unsigned which, const struct __ptrace_syscall_info *info)
{
	static unsigned long calls;

	if (info->op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	if (count == 0)
		list(pid, which, info);
	else if (which == process && ++calls == count)
		end(pid, info);
}

int
main(int argc, char **argv)
{
	int option, i;

	while ((option = getopt(argc, argv, "sv:")) != -1) {
		if (option == 's')
			number = SIGSTOP;
		else if (option == 'v')
			victim = (pid_t)strtol(optarg, NULL, 10);
		else
			return 64;
	}
	if (argc - optind < 3)
		errx(64, "killer [-s] [-v VICTIM] PROCESS COUNT PID...");
	process = (unsigned)strtoul(argv[optind], NULL, 10);
	count = strtoul(argv[optind + 1], NULL, 10);
	for (i = optind + 2; i < argc; i++)
		trace_attach((pid_t)strtol(argv[i], NULL, 10), 0);
	puts("traced");
	fflush(stdout);
	trace_run((pid_t)strtol(argv[optind + 2], NULL, 10), at_call);
	return 0;
}
