/* What libconfig 1.5 gets silently wrong, or says badly, found in the text
 * before libconfig sees it. */
#ifndef MASTER_PRECHECK_H
#define MASTER_PRECHECK_H

#include <stddef.h>

struct report;

/*
 * Reads length bytes of configuration text and reports each error as
 * "PATH:LINE: WHAT: why, what is allowed".  Pure: no file is opened, nothing
 * is kept.  text need not end in NUL.
 */
void precheck(
    const char *text, size_t length, const char *path, struct report *report);

#endif
