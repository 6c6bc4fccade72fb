/* System calls that the filter must not let through: trial children try them,
 * one each, before a generation serves. */
#ifndef SHARED_ATTEMPT_H
#define SHARED_ATTEMPT_H

#include <stddef.h>

struct attempt {
	char name[28]; /* for the error message */
	long number;
	long argument[6];
};

/* Exit code of a child that could not limit itself.  It is no outcome, so the
 * master counts the child as crashed. */
#define PROLOGUE_EXIT_FAILED 70

/* The exit code of a child whose call was let through. */
#define ATTEMPT_EXIT_ALLOWED 71

/* The attempt with that index, NULL after the last one; static. */
const struct attempt *attempt_get(size_t index);

#endif
