/* Fetch one greeting. */
#include "config.h"

#include "client/fetch.h"

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/deadline.h"
#include "shared/addr.h"

#define CHUNK 16384 /* bytes a recv(2): four pages are quick enough */
#define RETRY_MS 20 /* between two tries at a full UNIX socket */

/* Room for "NAME (ADDRESS:PORT)"; longer names and paths are cut. */
#define LABEL_MAX (NI_MAXHOST + ADDR_PORT_TEXT_MAX + 4)

/*
 * What a failed connect(2) means.  "Unreachable" is as good as refused to
 * whoever asks "can I get a greeting there?": somebody said no, and at once.
 * What is not here is trouble of this machine: STATUS_SYSTEM.
 */
static const struct {
	int error;
	enum status status;
} meanings[] = {
	{ ECONNREFUSED, STATUS_REFUSED }, /* nobody listens */
	{ ENETUNREACH, STATUS_REFUSED }, /* no route */
	{ EHOSTUNREACH, STATUS_REFUSED }, /* no neighbour, ICMP, firewall */
	{ ENETDOWN, STATUS_REFUSED }, /* interface down */
	{ EHOSTDOWN, STATUS_REFUSED }, /* ICMP host unknown */
	{ ENONET, STATUS_REFUSED }, /* ICMP host isolated */
	{ ENOPROTOOPT, STATUS_REFUSED }, /* ICMP protocol unreachable */
	{ EACCES, STATUS_REFUSED }, /* mode of a UNIX socket, firewall */
	{ EPERM, STATUS_REFUSED }, /* firewall */
	{ EPROTOTYPE, STATUS_REFUSED }, /* UNIX datagram socket */
	{ ETIMEDOUT, STATUS_TIMEOUT }, /* the deadline, or the kernel's */
	{ ECONNRESET, STATUS_RESET }, /* during the handshake */
	{ ECONNABORTED, STATUS_RESET }, /* during the handshake */
	{ ENOENT, STATUS_NOT_FOUND }, /* no such socket file */
	{ ENOTDIR, STATUS_NOT_FOUND }, /* nor such a path */
	{ ELOOP, STATUS_NOT_FOUND }, /* nor such a path */
	{ ENAMETOOLONG, STATUS_NOT_FOUND }, /* nor such a path */
	{ EADDRNOTAVAIL, STATUS_NOT_FOUND }, /* ::1 without IPv6 */
	{ EAFNOSUPPORT, STATUS_NOT_FOUND }, /* kernel without IPv6 */
	{ EINVAL, STATUS_NOT_FOUND }, /* fe80:: without %interface */
};

static enum status
connect_status(int error)
{
	for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++) {
		if (meanings[i].error == error)
			return meanings[i].status;
	}
	return STATUS_SYSTEM;
}

static const char *
why(int error)
{
	return error == ETIMEDOUT ? "timed out" : strerror(error);
}

/* Says what peer is, for messages, in LABEL_MAX bytes of text. */
static void
label_format(char *text, const struct target *target, const struct peer *peer)
{
	char address[ADDR_PORT_TEXT_MAX];
	struct addr addr, typed;
	bool numeric;

	if (target->path != NULL) {
		snprintf(text, LABEL_MAX, "unix:%s", target->path);
		return;
	}
	addr_from_sockaddr(&addr, &peer->address);
	addr_format_port(&addr, address);
	/* No name has a colon; addr_parse() takes no "%interface". */
	numeric = strchr(target->host, ':') != NULL ||
	    addr_parse(&typed, target->host) == 0;
	if (numeric)
		snprintf(text, LABEL_MAX, "%s", address);
	else
		snprintf(text, LABEL_MAX, "%.*s (%s)", NI_MAXHOST, target->host,
		    address);
}

/* Waits for a connection that is under way; returns 0 or an errno. */
static int
connect_finish(int fd, int64_t deadline)
{
	int error = 0;
	socklen_t length = sizeof(error);

	if (deadline_wait(deadline, fd, POLLOUT) == -1)
		return errno;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == -1)
		return errno;
	return error;
}

/* Returns 0 or an errno. */
static int
connect_until(int fd, const struct peer *peer, int64_t deadline)
{
	while (connect(fd, (const struct sockaddr *)&peer->address,
		   peer->length) == -1) {
		if (errno == EINPROGRESS)
			return connect_finish(fd, deadline);
		if (errno != EAGAIN)
			return errno;
		/* A UNIX socket with a full backlog: poll() cannot tell when
		 * there is room. */
		if (deadline_left(deadline) <= 0)
			return ETIMEDOUT;
		(void)deadline_wait(deadline_after(RETRY_MS), -1, 0);
	}
	return 0;
}

/* Returns a nonblocking socket, or -1: errno. */
static int
connect_peer(const struct peer *peer, int64_t deadline)
{
	int fd, error;

	fd = socket(peer->address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	error = connect_until(fd, peer, deadline);
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

/* Connects to the first of peers that takes us, and stores which.  Returns the
 * socket, or -1: errno of the first. */
static int
connect_any(
    const struct peers *peers, int64_t deadline, const struct peer **peer)
{
	int fd, first = 0;

	for (size_t i = 0; i < peers->count; i++) {
		*peer = &peers->peer[i];
		fd = connect_peer(
		    *peer, deadline_share(deadline, peers->count - i));
		if (fd != -1)
			return fd;
		if (i == 0)
			first = errno;
	}
	*peer = &peers->peer[0];
	errno = first;
	return -1;
}

/*
 * Writes all of it to standard output, also when that does not block.  At most
 * PIPE_BUF bytes at a time: so many fit into a pipe that poll(2) calls ready
 * (pipe(7)), and a reader that stands still cannot hold us past the deadline.
 */
static int
write_all(const char *data, size_t length, int64_t deadline)
{
	ssize_t n;

	while (length > 0) {
		if (deadline_wait(deadline, STDOUT_FILENO, POLLOUT) == -1)
			return -1;
		n = write(
		    STDOUT_FILENO, data, length < PIPE_BUF ? length : PIPE_BUF);
		if (n >= 0) {
			data += n;
			length -= (size_t)n;
		} else if (errno != EINTR && errno != EAGAIN) {
			return -1;
		}
	}
	return 0;
}

/* recv(2) until the deadline, which holds also when data never ceases. */
static ssize_t
read_some(int fd, char *data, size_t size, int64_t deadline)
{
	ssize_t n;

	do {
		if (deadline_left(deadline) <= 0) {
			errno = ETIMEDOUT;
			return -1;
		}
		if (deadline_wait(deadline, fd, POLLIN) == -1)
			return -1;
		n = recv(fd, data, size, 0);
	} while (n == -1 && (errno == EINTR || errno == EAGAIN));
	return n;
}

static enum status
output_failed(int error)
{
	warnx("write standard output: %s", why(error));
	return error == ETIMEDOUT ? STATUS_TIMEOUT : STATUS_SYSTEM;
}

static enum status
input_failed(const char *label, int error, uint64_t total)
{
	warnx("read %s: %s after %" PRIu64 " bytes", label, why(error), total);
	return error == ETIMEDOUT ? STATUS_TIMEOUT : STATUS_RESET;
}

static enum status
copy_stream(int fd, const char *label, int64_t deadline)
{
	char data[CHUNK];
	uint64_t total = 0;
	ssize_t n;

	while ((n = read_some(fd, data, sizeof(data), deadline)) > 0) {
		if (write_all(data, (size_t)n, deadline) == -1)
			return output_failed(errno);
		total += (uint64_t)n;
	}
	if (n == -1)
		return input_failed(label, errno, total);
	if (total == 0) {
		warnx("read %s: ended without a greeting", label);
		return STATUS_RESET;
	}
	return close(STDOUT_FILENO) == -1 ? output_failed(errno) : STATUS_OK;
}

static enum status
connect_failed(const char *label, size_t tried, int error)
{
	if (tried == 1)
		warnx("connect %s: %s", label, why(error));
	else
		warnx("connect %s, first of %zu addresses: %s", label, tried,
		    why(error));
	return connect_status(error);
}

enum status
fetch_greeting(
    const struct target *target, const struct peers *peers, int64_t deadline)
{
	const struct peer *peer;
	char label[LABEL_MAX];
	enum status status;
	int fd, error;

	fd = connect_any(peers, deadline, &peer);
	error = errno;
	label_format(label, target, peer);
	if (fd == -1)
		return connect_failed(label, peers->count, error);
	status = copy_stream(fd, label, deadline);
	close(fd);
	return status;
}
