/* The configuration as the parsing child sent it, checked as if an enemy had
 * written it. */
#ifndef MASTER_RECHECK_H
#define MASTER_RECHECK_H

#include <stddef.h>

#include "master/config/conf.h"

struct report;

/*
 * Checks every field of the bytes at conf (aligned as struct conf is): sizes,
 * offsets, NULs, indices, ranges by the schema, texts, addresses, conflicts.
 * Returns 0 when conf can be used, or -1 with an error in report; path is for
 * messages.
 */
int conf_recheck(const struct conf *conf, size_t bytes, const char *path,
    struct report *report);

#endif
