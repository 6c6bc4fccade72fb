/* The log of a fuzz target: looked at, not written. */
#include "config.h"

#include <unistd.h>

#include "fuzz.h"

ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

/* A line has no bytes that a terminal would obey. */
ssize_t
__wrap_write(int fd, const void *bytes, size_t length)
{
	const unsigned char *text = bytes;
	size_t i;

	if (fd != STDERR_FILENO)
		return __real_write(fd, bytes, length);
	for (i = 0; i + 1 < length; i++)
		MUST(text[i] >= ' ' && text[i] != 0x7f);
	MUST(text[i] == '\n');
	return (ssize_t)length;
}
