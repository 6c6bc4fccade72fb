/* Making pages read-only. */
#include "config.h"

#include "spawner/protect.h"

#include <sys/mman.h>
#include <sys/syscall.h>

#include <errno.h>
#include <unistd.h>

/* Nothing that the kernel is told to write comes there: EFAULT.  Where it could,
 * it has spoilt what is there, and the program is to end. */
static int
is_protected(uintptr_t address)
{
	long result;

	do
		result = syscall(SYS_getrandom, address, 1, 0);
	while (result == -1 && errno == EINTR);
	if (result == -1 && errno == EFAULT)
		return 0;
	if (result != -1)
		errno = 0;
	return -1;
}

int
protect(uintptr_t begin, uintptr_t end)
{
	if (mprotect((void *)begin, end - begin, PROT_READ) == -1)
		return -1;
	return is_protected(begin);
}
