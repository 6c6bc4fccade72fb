/* Reading a file that an operator named, without trusting it. */
#include "config.h"

#include "master/system/file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* NULL, or why the open file is not one to trust; errno is 0 when that is the
 * file's own fault. */
static const char *
check_file(int fd, size_t max, size_t *length)
{
	static char text[80];
	struct stat status;

	if (fstat(fd, &status) == -1)
		return strerror(errno);
	errno = 0;
	if (S_ISDIR(status.st_mode))
		return "is a directory, not a regular file";
	if (!S_ISREG(status.st_mode))
		return "is not a regular file";
	if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		snprintf(text, sizeof(text),
		    "others than its owner can write it (mode %04o): "
		    "chmod go-w it",
		    (unsigned)(status.st_mode & 07777));
		return text;
	}
	if (status.st_size < 0 || (uintmax_t)status.st_size > max) {
		snprintf(text, sizeof(text), "is larger than %zu bytes (%lld)",
		    max, (long long)status.st_size);
		return text;
	}
	*length = (size_t)status.st_size;
	return NULL;
}

/* Reads length bytes into bytes, which has room for one more: the file must
 * end there. */
static const char *
read_bytes(int fd, char *bytes, size_t length)
{
	size_t done = 0;
	ssize_t n;

	while (done <= length) {
		n = read(fd, bytes + done, length + 1 - done);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return strerror(errno);
		if (n == 0)
			break;
		done += (size_t)n;
	}
	errno = 0;
	if (done != length)
		return "changed while it was read";
	bytes[length] = '\0';
	return NULL;
}

int
file_read(const char *path, size_t max, char **bytes, size_t *length,
    const char **why)
{
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	int saved;

	*bytes = NULL;
	if (fd == -1) {
		*why = strerror(errno);
		return -1;
	}
	*why = check_file(fd, max, length);
	if (*why == NULL) {
		*bytes = malloc(*length + 1);
		*why = *bytes == NULL ? strerror(ENOMEM)
				      : read_bytes(fd, *bytes, *length);
	}
	saved = errno;
	close(fd);
	if (*why == NULL)
		return 0;
	free(*bytes);
	*bytes = NULL;
	errno = saved;
	return -1;
}
