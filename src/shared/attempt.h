/* What a child must not get through with: trial children try it, one attempt
 * each, before a generation serves. */
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

/* The index of the attempt whose third argument is the address of the pid page:
 * not its end must come of it, but EFAULT, there is no such memory. */
#define ATTEMPT_PAGE 0

/* Exit codes of one that the attempt did not end: it got through; it was told
 * EFAULT. */
#define ATTEMPT_EXIT_ALLOWED 71
#define ATTEMPT_EXIT_FAULT 72

/* The attempt with that index, NULL after the last one; static. */
const struct attempt *attempt_get(size_t index);

#endif
