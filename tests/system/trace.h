/* Processes that are traced (ptrace(2)), in the order of their creation. */
#ifndef SYSTEM_TRACE_H
#define SYSTEM_TRACE_H

#include <sys/ptrace.h>
#include <sys/types.h>

/* Also what these processes start is traced; TRACE_KILL: and ends with us. */
#define TRACE_KILL 1

/* Called at the entry of each system call and at its end; number: which process
 * it is, the first is 1. */
typedef void trace_call(
    pid_t pid, unsigned number, const struct __ptrace_syscall_info *info);

/* Runs argv, stopped before its exec, so that it is traced from there on. */
pid_t trace_start(char **argv, int flags);

/* Traces a process that runs, or that has stopped, which goes on then. */
void trace_attach(pid_t pid, int flags);

/* Until that process ends; returns its exit status (128 + signal). */
int trace_run(pid_t pid, trace_call *call);

#endif
