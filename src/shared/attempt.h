/* System calls that the filter must not let through: trial children try them,
 * one each, before a generation counts. */
#ifndef SHARED_ATTEMPT_H
#define SHARED_ATTEMPT_H

#include <stddef.h>

struct attempt {
	char name[28]; /* for the error message */
	long number;
	long argument[6];
};

/* Exit code of a child that could not limit itself; the master, which knows no
 * such outcome, counts it as crashed. */
#define PROLOGUE_EXIT_FAILED 70

/* A filter that let the call through would be found out by this exit code. */
#define ATTEMPT_EXIT_ALLOWED 71

/* The attempt of that index, NULL after the last; static. */
const struct attempt *attempt_get(size_t index);

#endif
