/* The table of the processes that are traced. */
#include "config.h"

#include "processes.h"

#include <err.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

struct process processes[PROCESSES_MAX];

struct process *
process_find(pid_t pid)
{
	size_t i;

	for (i = 0; i < PROCESSES_MAX; i++)
		if (processes[i].pid == pid)
			return &processes[i];
	return NULL;
}

struct process *
process_add(pid_t pid, const char *role)
{
	struct process *process = process_find(pid);

	if (process == NULL && (process = process_find(0)) == NULL)
		errx(1, "too many processes");
	*process = (struct process){ .pid = pid };
	snprintf(process->role, sizeof(process->role), "%s", role);
	loader_find(&process->loader, pid);
	return process;
}

const char *
process_role_of_child(const struct process *maker)
{
	if (strcmp(maker->role, "spawner") == 0)
		return maker->first_argument & CLONE_PARENT ? "child" : "proof";
	return strcmp(maker->role, "feed") == 0 ? "command" : "launch";
}

void
process_at_exec(struct process *process, pid_t command,
    const char *command_role)
{
	char path[64], name[512];
	const char *base;
	ssize_t length;

	loader_find(&process->loader, process->pid);
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)process->pid);
	length = readlink(path, name, sizeof(name) - 1);
	if (strcmp(process->role, "master") == 0 || length <= 0)
		return;
	name[length] = '\0';
	base = strrchr(name, '/');
	base = base == NULL ? name : base + 1;
	if (process->pid == command) {
		snprintf(process->role, sizeof(process->role), "%s",
		    command_role);
		return;
	}
	if (strncmp(base, "forkgreet-", 10) == 0)
		snprintf(process->role, sizeof(process->role), "%.15s",
		    base + 10);
	else if (strncmp(base, "forkgreetd", 10) == 0)
		snprintf(process->role, sizeof(process->role), "trial");
	else
		snprintf(process->role, sizeof(process->role), "other");
}
