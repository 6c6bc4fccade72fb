/* The seccomp filter of spawner and client children, compiled from one table. */
#ifndef MASTER_GENERATIONS_FILTER_H
#define MASTER_GENERATIONS_FILTER_H

#include <stdbool.h>
#include <stddef.h>

struct sock_filter;

/* The most instructions of a filter here (BPF_MAXINSNS is 4096). */
#define FILTER_MAX 1024

/*
 * Compiles the filter into code, which has room for FILTER_MAX
 * instructions, and stores their number.  Whatever has no row in a table
 * kills the process; proxied: the rows for clients behind a proxy are needed.  Returns NULL, or what failed (static text) with errno
 * set.
 */
const char *filter_compile(
    struct sock_filter *code, size_t *length, bool proxied);

/* The name of the system call of that number here, which the caller frees; NULL:
 * libseccomp does not know it. */
char *filter_call_name(int number);

/* libseccomp's version, as in "2.5.4"; text has room for FILTER_VERSION_MAX
 * bytes.  Returns text. */
#define FILTER_VERSION_MAX 40
const char *filter_version(char *text);

#endif
