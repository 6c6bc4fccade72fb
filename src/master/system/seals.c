/* Memory files that nobody can change any more. */
#include "config.h"

#include "master/system/seals.h"

#include <errno.h>
#include <fcntl.h>

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

bool
seals_are_on(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & SEALS) == SEALS;
}

int
seals_put(int fd)
{
	if (fcntl(fd, F_ADD_SEALS, SEALS) == -1)
		return -1;
	errno = EPERM; /* they went through, but are not there */
	return seals_are_on(fd) ? 0 : -1;
}
