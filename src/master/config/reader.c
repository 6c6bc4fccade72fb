/* Starting a forkgreet-reader process. */
#include "config.h"

#include "master/config/reader.h"

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/executable.h"
#include "shared/entries.h"

/* In the child, before it is the reader: says what the reader would. */
static void
fail(int fd, const char *step)
{
	int status = errno == 0 ? READER_UNCONFINED : READER_UNABLE;
	struct entry_head head = { .type = ENTRY_FAILURE };
	char bytes[256] = "";
	int n;

	n = snprintf(bytes + sizeof(head) + 1, 200,
	    "starting the reader: %s: %s", step,
	    errno == 0 ? "not in effect" : strerror(errno));
	head.text_length = (uint32_t)n;
	memcpy(bytes, &head, sizeof(head));
	n += (int)sizeof(head) + 2;
	head = (struct entry_head){ .type = ENTRY_END };
	memcpy(bytes + n, &head, sizeof(head));
	n += (int)sizeof(head) + 2;
	_exit(write(fd, bytes, (size_t)n) == n ? status : EXIT_FAILURE);
}

static int
write_all(int fd, const char *bytes, size_t length)
{
	ssize_t n;

	while (length > 0) {
		n = write(fd, bytes, length);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

/* The text as the reader wants it: libconfig 1.5 takes no comment without a
 * newline behind it.  Returns a descriptor, or -1 with errno. */
static int
text_share(const char *text, size_t length)
{
	int fd = memfd_create("forkgreet-conf", MFD_CLOEXEC);
	int error;

	if (fd == -1 || (write_all(fd, text, length) == 0 &&
	    write_all(fd, "\n", sizeof("\n")) == 0))
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}

/* Gives the reader its end of a pipe; ours goes to *pipe. */
static pid_t
run(int executable, int text, int *pipe, const char **what)
{
	char parent[16];
	struct executable reader = { .fd = executable, .name = READER_NAME,
		.argument = parent, .fds = { -1, text }, .n_fds = 2,
		.first = READER_PIPE, .keeps_rights = true, .fail = fail };
	int ends[2], error;
	pid_t pid;

	snprintf(parent, sizeof(parent), "%d", (int)getpid());
	*what = "pipe";
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	*pipe = ends[0];
	reader.fds[0] = ends[1];
	*what = "fork";
	pid = executable_run(&reader);
	error = errno;
	close(ends[1]);
	errno = error;
	return pid;
}

pid_t
reader_start(int executable, const char *text, size_t length, int *pipe,
    const char **what)
{
	int shared = text_share(text, length), error;
	pid_t pid;

	*pipe = -1;
	*what = "memfd_create";
	if (shared == -1)
		return -1;
	pid = run(executable, shared, pipe, what);
	error = errno;
	close(shared);
	errno = error;
	return pid;
}
