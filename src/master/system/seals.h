/* Memory files that nobody can change any more, memfd_create(2). */
#ifndef MASTER_SYSTEM_SEALS_H
#define MASTER_SYSTEM_SEALS_H

#include <stdbool.h>

/* Seals what has been written, for all who have it.  Returns 0, or -1 with errno;
 * EPERM also when the seals are not there afterwards. */
int seals_put(int fd);

/* Are all of these seals there?  The kernel may have added its own: F_SEAL_EXEC,
 * where vm.memfd_noexec says that no memory file is executed (Linux 6.3). */
bool seals_are_on(int fd);

#endif
