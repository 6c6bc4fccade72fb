/* What a traced process's system call looks like, without what differs from run
 * to run; and whether the dynamic loader makes it. */
#ifndef TESTS_SHAPE_H
#define TESTS_SHAPE_H

#include <sys/ptrace.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#define SHAPE_SIZE 512

/* Where the dynamic loader is, 0 and 0 where there is none. */
struct loader {
	uint64_t begin, end;
};

void loader_find(struct loader *, pid_t);
bool is_loaders(const struct loader *, uint64_t);

/* Writes "NAME(ARGUMENTS)" of the call that the process is about to make. */
void shape_of(char[SHAPE_SIZE], pid_t, const struct __ptrace_syscall_info *);

#endif
