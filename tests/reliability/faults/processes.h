/* The processes that are traced, and what they are. */
#ifndef TESTS_PROCESSES_H
#define TESTS_PROCESSES_H

#include <sys/types.h>

#include <stdbool.h>

#include "shape.h"

#define PROCESSES_MAX 1024
#define ROLE_SIZE 16

/* pid 0: a free row. */
struct process {
	pid_t pid;
	char role[ROLE_SIZE];
	bool is_faked;	    /* in a call that another one stands for */
	bool waits;	    /* for its maker's event, which says who it is */
	long first_argument; /* of the latest call: clone(2)'s flags */
	long argument;	    /* the second one of the call that is faked */
	struct loader loader;
};

extern struct process processes[PROCESSES_MAX];

/* NULL: it is not known. */
struct process *process_find(pid_t pid);
struct process *process_add(pid_t pid, const char *role);

/* The role of what a process of that one has made. */
const char *process_role_of_child(const struct process *maker);

/* A program of ours gives the process its role; the master's next program is
 * the master.  The process of that pid gets that role, whatever it is. */
void process_at_exec(struct process *, pid_t command, const char *role);

#endif
