/* Writes lines to a descriptor that is never waited for. */
#include "config.h"

#include "master/system/output.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/clock.h"

/* Opens what fd is with a description of our own; -1 if that cannot be had. */
static int
open_anew(int fd, const struct stat *wanted)
{
	char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
	int flags = fcntl(fd, F_GETFL), own;
	struct stat found;

	if (flags == -1 || (flags & O_ACCMODE) == O_RDONLY)
		return -1; /* not given to be written to */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (own == -1)
		return -1;
	if (fstat(own, &found) == 0 && found.st_dev == wanted->st_dev &&
	    found.st_ino == wanted->st_ino)
		return own;
	close(own);
	return -1;
}

void
output_open(struct output *output, int fd)
{
	struct stat status;
	int own;

	*output = (struct output) { .fd = fd, .way = OUTPUT_SHARED };
	if (fstat(fd, &status) == -1)
		return;
	if (S_ISSOCK(status.st_mode)) {
		output->way = OUTPUT_SOCKET;
	} else if (S_ISREG(status.st_mode)) {
		output->way = OUTPUT_FILE;
	} else if ((own = open_anew(fd, &status)) != -1) {
		output->way = OUTPUT_OWN;
		output->fd = own;
	}
}

void
output_close(struct output *output)
{
	if (output->way == OUTPUT_OWN && output->fd != -1)
		close(output->fd);
	*output = (struct output)OUTPUT_NONE;
}

/* ------------------------------------------------------------ a shared one */

/* Its only purpose is to interrupt write(2). */
static void
wake(int number)
{
	(void)number;
}

/* It keeps coming: the first could come before write(2) sleeps. */
static void
timer_set(int milliseconds)
{
	struct timeval every = { 0, milliseconds * 1000 };
	struct itimerval timer = { every, every };

	setitimer(ITIMER_REAL, &timer, NULL);
}

static ssize_t
write_shared(struct output *output, const char *bytes, size_t length)
{
	struct sigaction action = { .sa_handler = wake }; /* no SA_RESTART */
	struct pollfd fd = { output->fd, POLLOUT, 0 };
	int64_t begin = clock_now();
	int error;
	ssize_t n;

	if (begin < output->paused_until || poll(&fd, 1, 0) != 1) {
		errno = EAGAIN;
		return -1;
	}
	sigaction(SIGALRM, &action, NULL);
	timer_set(OUTPUT_SLEEP_MS);
	n = write(output->fd, bytes, length);
	error = errno;
	timer_set(0);
	if (n != (ssize_t)length)
		output->paused_until = begin + OUTPUT_PAUSE_MS * CLOCK_MS;
	errno = error;
	return n;
}

/* -------------------------------------------------------------------- all */

/* Returns how many bytes were taken; 0, with errno, if none. */
static size_t
push(struct output *output, const char *bytes, size_t length)
{
	ssize_t n;

	switch (output->way) {
	case OUTPUT_SOCKET:
		n = send(output->fd, bytes, length,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
		break;
	case OUTPUT_SHARED:
		n = write_shared(output, bytes, length);
		break;
	default:
		n = write(output->fd, bytes, length);
		break;
	}
	if (n == 0)
		errno = EAGAIN;
	return n > 0 ? (size_t)n : 0;
}

bool
output_flush(struct output *output)
{
	size_t taken;

	if (output->rest_length == 0)
		return true;
	taken = push(output, output->rest, output->rest_length);
	output->rest_length -= taken;
	memmove(output->rest, output->rest + taken, output->rest_length);
	if (taken > 0)
		errno = EAGAIN;
	return output->rest_length == 0;
}

bool
output_put(struct output *output, const char *line, size_t length)
{
	size_t taken;

	if (!output_flush(output))
		return false;
	taken = push(output, line, length);
	if (taken == 0)
		return false;
	output->rest_length = length - taken;
	memcpy(output->rest, line + taken, output->rest_length);
	return true;
}
