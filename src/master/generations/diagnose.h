/* Naming the system call for which the filter killed a trial client. */
#ifndef MASTER_DIAGNOSE_H
#define MASTER_DIAGNOSE_H

#include <stddef.h>
#include <stdint.h>

struct plan;

/*
 * Makes a copy of the plan whose filter traps instead of killing
 * (PLAN_SANDBOX_DIAGNOSE).  Returns a sealed memfd, which the caller closes, or
 * -1 with errno.
 */
int diagnose_plan(const struct plan *plan);

/*
 * Appends ": system call NAME (NUMBER)" to failure, a text of size bytes; row
 * is the page's row PLAN_REFUSED_SLOT, the number plus 1.  Does nothing when
 * row is 0 or below.
 */
void diagnose_explain(char *failure, size_t size, int32_t row);

#endif
