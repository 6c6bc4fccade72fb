/* Making pages read-only. */
#ifndef SPAWNER_PROTECT_H
#define SPAWNER_PROTECT_H

#include <stdint.h>

/* Makes the pages from begin to end read-only; both are aligned to pages.
 * Returns 0, or -1 with errno, which is 0 when it went through but is not in
 * effect: something may then have been overwritten. */
int protect(uintptr_t begin, uintptr_t end);

#endif
