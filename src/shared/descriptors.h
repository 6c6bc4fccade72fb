/* Seeing to it that descriptors are closed. */
#ifndef SHARED_DESCRIPTORS_H
#define SHARED_DESCRIPTORS_H

#include <stdbool.h>
#include <unistd.h>

/* As far as is looked: any that was inherited is far below. */
#define DESCRIPTORS_END 1024

/*
 * True when none of the descriptors from first on and below end is open: asked
 * of the kernel, since a close(2) or close_range(2) that returned 0 may have had
 * no effect.  When false, errno is 0 where one is open, else why that is not
 * known.
 */
bool descriptors_closed(unsigned first, unsigned end);

/* Closes *fd, unless it is -1, which it is then. */
static inline void
descriptor_close(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

#endif
