/* Sending one request to the daemon and reading its answer. */
#include "config.h"

#include "shared/ask.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/deadline.h"
#include "shared/number.h"

#define PIECES "0 - 0" /* CONTROL_PIECES without its newline */
#define AGAIN_MS 20 /* between attempts while the daemon's queue is full */

struct talk {
	const char *path; /* for messages */
	int fd;
	int64_t deadline;
	struct answer *answer;
};

/* What a failed connect(2) means.  Any other error is this system's. */
static const struct {
	int error;
	enum control_status status;
} meanings[] = {
	{ ENOENT, CONTROL_NOBODY }, /* no such socket */
	{ ENOTDIR, CONTROL_NOBODY }, /* no such path */
	{ ELOOP, CONTROL_NOBODY }, /* no such path */
	{ ENAMETOOLONG, CONTROL_NOBODY }, /* no such path */
	{ ECONNREFUSED, CONTROL_NOBODY }, /* no socket, or nobody listens */
	{ ECONNRESET, CONTROL_NOBODY }, /* it has just ended */
	{ EPROTOTYPE, CONTROL_NOBODY }, /* a datagram socket */
	{ EACCES, CONTROL_DENIED }, /* mode of the socket or its directory */
	{ EPERM, CONTROL_DENIED }, /* a security module */
	{ ETIMEDOUT, CONTROL_TIMEOUT }, /* its queue stays full */
};

static enum control_status
connect_status(int error)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
		if (meanings[i].error == error)
			return meanings[i].status;
	return CONTROL_SYSTEM;
}

static enum control_status
io_status(int error)
{
	return error == ETIMEDOUT ? CONTROL_TIMEOUT : CONTROL_SYSTEM;
}

static enum control_status
fail(const struct talk *talk, const char *step,
    enum control_status (*meaning)(int error))
{
	int error = errno;

	snprintf(talk->answer->why, ASK_WHY_MAX, "%s %s: %s", step, talk->path,
	    error == ETIMEDOUT ? "timed out" : strerror(error));
	return meaning(error);
}

static enum control_status
fail_text(const struct talk *talk, const char *what)
{
	snprintf(talk->answer->why, ASK_WHY_MAX, "%s: %s", talk->path, what);
	return CONTROL_NOBODY;
}

/* Returns 0, or -1 with ETIMEDOUT. */
static int
check_time(const struct talk *talk)
{
	if (deadline_left(talk->deadline) > 0)
		return 0;
	errno = ETIMEDOUT;
	return -1;
}

static int
socket_open(struct talk *talk)
{
	talk->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	return talk->fd == -1 ? -1 : 0;
}

/* poll(2) cannot tell when a full queue has room. */
static int
connect_to(const struct talk *talk)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", talk->path);
	while (connect(talk->fd, (struct sockaddr *)&address,
		   sizeof(address)) == -1) {
		if (errno != EAGAIN && errno != EINTR)
			return -1;
		if (check_time(talk) == -1)
			return -1;
		(void)deadline_wait(deadline_after(AGAIN_MS), -1, 0);
	}
	return 0;
}

/* After a call that failed with errno: returns 0 when it is to be called again,
 * or -1. */
static int
await(const struct talk *talk, short events)
{
	if (errno == EINTR)
		return 0;
	if (errno != EAGAIN)
		return -1;
	return deadline_wait(talk->deadline, talk->fd, events);
}

/* There may be an answer even if nobody reads the request. */
static int
send_all(const struct talk *talk, const char *bytes)
{
	size_t left = strlen(bytes);
	ssize_t n;

	while (left > 0) {
		if (check_time(talk) == -1)
			return -1;
		n = send(talk->fd, bytes, left, MSG_NOSIGNAL);
		if (n >= 0) {
			bytes += n;
			left -= (size_t)n;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return 0;
		} else if (await(talk, POLLOUT) == -1) {
			return -1;
		}
	}
	return 0;
}

/* Reads size bytes; fewer only when the stream ends first. */
static ssize_t
read_some(const struct talk *talk, char *bytes, size_t size)
{
	size_t have = 0;
	ssize_t n;

	while (have < size) {
		/* Even if there is always one more byte. */
		if (check_time(talk) == -1)
			return -1;
		n = recv(talk->fd, bytes + have, size - have, 0);
		if (n > 0)
			have += (size_t)n;
		else if (n == 0 || errno == ECONNRESET)
			break;
		else if (await(talk, POLLIN) == -1)
			return -1;
	}
	return (ssize_t)have;
}

/* A line of numbers, byte by byte: what follows belongs to the answer. */
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

static bool
is_status(int64_t number)
{
	static const enum control_status known[] = { CONTROL_OK,
		CONTROL_REFUSED, CONTROL_USAGE, CONTROL_NOBODY, CONTROL_SYSTEM,
		CONTROL_TIMEOUT, CONTROL_DENIED, CONTROL_CONFIG };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (number == (int64_t)known[i])
			return true;
	return false;
}

static int
parse_header(char *line, struct answer *answer)
{
	int64_t status, out, error;

	if (take_number(&line, UINT8_MAX, &status) == -1 ||
	    take_number(&line, CONTROL_ANSWER_MAX, &out) == -1 ||
	    take_number(&line, CONTROL_ANSWER_MAX - out, &error) == -1 ||
	    line != NULL || !is_status(status))
		return -1;
	answer->status = (enum control_status)status;
	answer->out_length = (size_t)out;
	answer->err_length = (size_t)error;
	return 0;
}

static enum control_status
no_daemon(const struct talk *talk)
{
	return fail_text(talk, "what answers there is not forkgreetd");
}

static enum control_status
torn(const struct talk *talk)
{
	return fail_text(talk, "closed before the end of its answer");
}

/* The length of the next piece, 0 after the last one. */
static enum control_status
read_length(
    const struct talk *talk, const struct answer *answer, size_t *length)
{
	char line[CONTROL_HEADER_MAX];
	ssize_t n = read_header(talk, line);
	int64_t number;

	if (n == 0)
		return torn(talk);
	if (n == -1 && errno != EPROTO)
		return fail(talk, "read", io_status);
	if (n == -1 ||
	    number_parse(line, 0, CONTROL_PIECE_MAX, &number) == -1 ||
	    (size_t)number > CONTROL_LONG_MAX - answer->out_length)
		return no_daemon(talk);
	*length = (size_t)number;
	return CONTROL_OK;
}

/* Adds a piece to the answer. */
static enum control_status
read_piece(const struct talk *talk, struct answer *answer, size_t length)
{
	char *bytes = realloc(answer->bytes, answer->out_length + length + 1);
	ssize_t n;

	if (bytes == NULL)
		return fail(talk, "read", io_status);
	answer->bytes = bytes;
	n = read_some(talk, bytes + answer->out_length, length);
	if (n == -1)
		return fail(talk, "read", io_status);
	answer->out_length += (size_t)n;
	return (size_t)n < length ? torn(talk) : CONTROL_OK;
}

static enum control_status
read_pieces(const struct talk *talk, struct answer *answer)
{
	enum control_status status;
	size_t length = 0;

	*answer = (struct answer) { .status = CONTROL_OK };
	do {
		status = read_length(talk, answer, &length);
		if (status == CONTROL_OK)
			status = read_piece(talk, answer, length);
	} while (status == CONTROL_OK && length > 0);
	return status;
}

static enum control_status
read_answer(const struct talk *talk, struct answer *answer)
{
	char line[CONTROL_HEADER_MAX];
	ssize_t n = read_header(talk, line);
	size_t length;

	if (n == -1 && errno != EPROTO)
		return fail(talk, "read", io_status);
	if (n == 0)
		return fail_text(talk, "closed without an answer");
	if (n == 1 && strcmp(line, PIECES) == 0)
		return read_pieces(talk, answer);
	if (n == -1 || parse_header(line, answer) == -1)
		return no_daemon(talk);
	length = answer->out_length + answer->err_length;
	answer->bytes = malloc(length + 1);
	if (answer->bytes == NULL)
		return fail(talk, "read", io_status);
	n = read_some(talk, answer->bytes, length);
	if (n == -1)
		return fail(talk, "read", io_status);
	if ((size_t)n < length)
		return torn(talk);
	return CONTROL_OK;
}

enum control_status
ask(const char *path, const char *request, int64_t deadline,
    struct answer *answer)
{
	struct talk talk = {
		.path = path, .fd = -1, .deadline = deadline, .answer = answer
	};
	enum control_status status;

	*answer = (struct answer){ .status = CONTROL_SYSTEM };
	if (socket_open(&talk) == -1)
		return fail(&talk, "connect", io_status);
	if (connect_to(&talk) == -1)
		status = fail(&talk, "connect", connect_status);
	else if (send_all(&talk, request) == -1)
		status = fail(&talk, "write", io_status);
	else
		status = read_answer(&talk, answer);
	close(talk.fd);
	return status;
}
