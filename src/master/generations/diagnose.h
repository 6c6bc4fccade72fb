/* Finding out which system call the filter killed a trial client for. */
#ifndef MASTER_DIAGNOSE_H
#define MASTER_DIAGNOSE_H

#include <stddef.h>
#include <stdint.h>

struct plan;

/*
 * Makes a copy of the plan whose filter traps where it would kill
 * (PLAN_SANDBOX_DIAGNOSE).  Returns a sealed memfd, which the caller closes, or
 * -1 with errno.
 */
int diagnose_plan(const struct plan *plan);

/*
 * Adds to the failure, a text of size bytes, ": system call NAME (NUMBER)"; row
 * is what the page's row PLAN_REFUSED_SLOT says: the number plus 1.  Of another
 * row, 0 or below, nothing is made.
 */
void diagnose_explain(char *failure, size_t size, int32_t row);

#endif
