/* New contents of a file that readers, and a crash, find old or new but whole.
 */
#include "config.h"

#include "shared/atomic_write.h"

#include <sys/stat.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static int
write_all(int fd, const char *bytes, size_t length)
{
	ssize_t n;

	while (length > 0) {
		n = write(fd, bytes, length);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		bytes += n;
		length -= (size_t)n;
	}
	return 0;
}

int
atomic_sync(int fd)
{
	int result;

	do
		result = fsync(fd);
	while (result == -1 && errno == EINTR);
	return result;
}

static const char *
failed_step(const struct atomic_write *file, const char *bytes, size_t length)
{
	if (fchmod(file->fd, file->mode) == -1)
		return "set mode";
	if (write_all(file->fd, bytes, length) == -1)
		return "write";
	if (atomic_sync(file->fd) == -1)
		return "sync";
	if (rename(file->name, file->path) == -1)
		return "rename";
	return NULL;
}

const char *
atomic_write(const struct atomic_write *file, const char *bytes, size_t length)
{
	const char *step = failed_step(file, bytes, length);
	int error = errno;

	if (step != NULL)
		unlink(file->name);
	close(file->fd);
	errno = error;
	return step;
}
