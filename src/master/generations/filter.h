/* The seccomp filter of spawner and client children, compiled from one table. */
#ifndef MASTER_SANDBOX_H
#define MASTER_SANDBOX_H

#include <stddef.h>

struct sock_filter;

/* Most instructions that a filter may have here (BPF_MAXINSNS is 4096). */
#define SANDBOX_FILTER_MAX 1024

/*
 * Compiles the filter into code, which has room for SANDBOX_FILTER_MAX
 * instructions, and stores their number.  Whatever has no row in the table
 * kills the process.  Returns NULL, or what failed (static text) with errno
 * set.
 */
const char *sandbox_compile(struct sock_filter *code, size_t *length);

#endif
