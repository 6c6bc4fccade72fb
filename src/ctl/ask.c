/* One question to the daemon, and its answer. */
#include "config.h"

#include "ctl/ask.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <err.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "shared/number.h"

#define NS_PER_MS 1000000
#define NS_PER_S INT64_C(1000000000)
#define AGAIN_MS 20 /* between attempts while the daemon's queue is full */

struct talk {
	const char *path; /* for messages */
	int fd;
	int64_t deadline; /* nanoseconds of CLOCK_MONOTONIC */
};

static int64_t
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

static enum control_status
fail(const struct talk *talk, const char *step)
{
	int error = errno;

	warn("%s %s", step, talk->path);
	switch (error) {
	case ETIMEDOUT:
		return CONTROL_TIMEOUT;
	case EACCES:
	case EPERM:
		return CONTROL_DENIED;
	case ENOMEM:
	case ENFILE:
	case EMFILE:
		return CONTROL_SYSTEM;
	default:
		return CONTROL_NOBODY;
	}
}

static enum control_status
fail_text(const struct talk *talk, const char *what)
{
	warnx("%s: %s", talk->path, what);
	return CONTROL_NOBODY;
}

/* Waits for events, 0: for AGAIN_MS.  Returns 0, or -1 with ETIMEDOUT. */
static int
await(const struct talk *talk, short events)
{
	struct pollfd pfd = { .fd = events == 0 ? -1 : talk->fd,
		.events = events };
	int64_t left;
	int n;

	do {
		left =
		    (talk->deadline - clock_now() + NS_PER_MS - 1) / NS_PER_MS;
		if (left <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (events == 0 && left > AGAIN_MS)
			left = AGAIN_MS;
		n = poll(&pfd, 1, (int)left);
	} while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	return 0;
}

/* A full queue is not waited for by the kernel: the socket does not block. */
static int
connect_to(struct talk *talk)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", talk->path);
	talk->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (talk->fd == -1)
		return -1;
	while (connect(talk->fd, (struct sockaddr *)&address,
		   sizeof(address)) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (await(talk, 0) == -1)
			return -1;
	}
	return 0;
}

/* An answer may be there even if nobody reads the question. */
static int
send_all(const struct talk *talk, const char *bytes)
{
	size_t left = strlen(bytes);
	ssize_t n;

	while (left > 0) {
		n = send(talk->fd, bytes, left, MSG_NOSIGNAL);
		if (n > 0) {
			bytes += n;
			left -= (size_t)n;
		} else if (errno == EPIPE) {
			return 0;
		} else if (errno != EINTR &&
		    (errno != EAGAIN || await(talk, POLLOUT) == -1)) {
			return -1;
		}
	}
	return 0;
}

/* Reads up to size bytes; fewer only when the stream ends before. */
static ssize_t
read_some(const struct talk *talk, char *bytes, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		n = recv(talk->fd, bytes + have, size - have, 0);
		if (n > 0)
			have += (size_t)n;
		else if (n == 0 || errno == ECONNRESET)
			break;
		else if (errno != EINTR &&
		    (errno != EAGAIN || await(talk, POLLIN) == -1))
			return -1;
	}
	return (ssize_t)have;
}

/* "STATUS OUT ERR\n", byte by byte: what follows is not ours. */
static ssize_t
read_header(const struct talk *talk, char line[CONTROL_HEADER_MAX])
{
	size_t have = 0;
	ssize_t n;

	while (have < CONTROL_HEADER_MAX) {
		n = read_some(talk, line + have, 1);
		if (n != 1)
			return n;
		if (line[have++] == '\n') {
			line[have - 1] = '\0';
			return 1;
		}
	}
	errno = EPROTO;
	return -1;
}

/* Cuts the next number off *line. */
static int
take_number(char **line, int64_t max, int64_t *number)
{
	const char *word = strsep(line, " ");

	return word == NULL ? -1 : number_parse(word, 0, max, number);
}

static int
parse_header(char *line, struct answer *answer)
{
	int64_t status, out, error;

	if (take_number(&line, 255, &status) == -1 ||
	    take_number(&line, CONTROL_ANSWER_MAX, &out) == -1 ||
	    take_number(&line, CONTROL_ANSWER_MAX, &error) == -1 ||
	    line != NULL)
		return -1;
	answer->status = (enum control_status)status;
	answer->out_length = (size_t)out;
	answer->err_length = (size_t)error;
	return 0;
}

static enum control_status
read_answer(const struct talk *talk, struct answer *answer)
{
	char line[CONTROL_HEADER_MAX];
	ssize_t n = read_header(talk, line);
	size_t length;

	if (n == -1 && errno != EPROTO)
		return fail(talk, "read");
	if (n == 0)
		return fail_text(talk, "closed without an answer");
	if (n == -1 || parse_header(line, answer) == -1)
		return fail_text(talk, "that is not forkgreetd's answer");
	length = answer->out_length + answer->err_length;
	answer->bytes = malloc(length + 1);
	if (answer->bytes == NULL)
		return fail(talk, "read");
	n = read_some(talk, answer->bytes, length);
	if (n == -1)
		return fail(talk, "read");
	if ((size_t)n < length)
		return fail_text(talk, "closed in the middle of its answer");
	return CONTROL_OK;
}

enum control_status
ask(const char *path, const char *request, int64_t wait_ms,
    struct answer *answer)
{
	struct talk talk = { .path = path,
		.fd = -1,
		.deadline = clock_now() + wait_ms * NS_PER_MS };
	enum control_status status;

	*answer = (struct answer){ .status = CONTROL_SYSTEM };
	if (connect_to(&talk) == -1)
		status = fail(&talk, "connect");
	else if (send_all(&talk, request) == -1)
		status = fail(&talk, "write");
	else
		status = read_answer(&talk, answer);
	if (talk.fd != -1)
		close(talk.fd);
	return status;
}
