/* Connecting, and telling the other side's failures from ours. */
#include "config.h"

#include "client/connect.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "shared/deadline.h"
#include "shared/output.h"

#define RETRY_MS 20 /* between two attempts at a full UNIX socket */

/*
 * What an errno means that the network or the other side caused.  To someone
 * who asks "can I get a greeting there?" unreachable is the same as refused:
 * the answer is no, and it comes at once.  An error that is not in its table is
 * a failure of this system: STATUS_SYSTEM.
 */
struct meaning {
	int error;
	enum status status;
};

static const struct meaning socket_meanings[] = {
	{ EAFNOSUPPORT, STATUS_NOT_FOUND }, /* kernel without IPv6 */
};

static const struct meaning connect_meanings[] = {
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
	{ ENOTDIR, STATUS_NOT_FOUND }, /* no such path */
	{ ELOOP, STATUS_NOT_FOUND }, /* no such path */
	{ ENAMETOOLONG, STATUS_NOT_FOUND }, /* no such path */
	{ EADDRNOTAVAIL, STATUS_NOT_FOUND }, /* ::1 without IPv6 */
	{ EINVAL, STATUS_NOT_FOUND }, /* fe80:: without %interface */
};

static const struct meaning read_meanings[] = {
	{ ECONNRESET, STATUS_RESET },
	{ ECONNREFUSED, STATUS_RESET }, /* ICMP, from here on */
	{ EPIPE, STATUS_RESET }, { ENETUNREACH, STATUS_RESET },
	{ EHOSTUNREACH, STATUS_RESET }, { ENETDOWN, STATUS_RESET },
	{ EHOSTDOWN, STATUS_RESET }, { ENONET, STATUS_RESET },
	{ ENOPROTOOPT, STATUS_RESET },
	{ ETIMEDOUT, STATUS_TIMEOUT }, /* the deadline, or the kernel's */
};

/* How an attempt ended. */
struct attempt {
	int fd; /* -1: no connection */
	int error; /* then the errno ... */
	enum status status; /* ... and what it means */
};

#define MEANING(error, table) \
	meaning_find(error, table, sizeof(table) / sizeof((table)[0]))

static enum status
meaning_find(int error, const struct meaning *table, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (table[i].error == error)
			return table[i].status;
	return STATUS_SYSTEM;
}

enum status
connect_read_status(int error)
{
	return MEANING(error, read_meanings);
}

const char *
connect_why(int error)
{
	return error == ETIMEDOUT ? "timed out" : strerror(error);
}

/* Describes peer for messages. */
static void
label_format(char label[CONNECT_LABEL_MAX], const struct target *target,
    const struct peer *peer)
{
	char address[ADDR_PORT_TEXT_MAX];
	struct addr addr, typed;
	bool numeric;

	if (target->path != NULL) {
		snprintf(label, CONNECT_LABEL_MAX, "unix:%s", target->path);
		return;
	}
	addr_from_sockaddr(&addr, &peer->address);
	addr_format_port(&addr, address);
	/* No name has a colon; addr_parse() takes no "%interface". */
	numeric = strchr(target->host, ':') != NULL ||
	    addr_parse(&typed, target->host) == 0;
	if (numeric)
		snprintf(label, CONNECT_LABEL_MAX, "%s", address);
	else
		snprintf(label, CONNECT_LABEL_MAX, "%.*s (%s)", NI_MAXHOST,
		    target->host, address);
}

/*
 * EADDRNOTAVAIL means both "this machine has no such address family" and "all
 * local ports are in use".  Datagram sockets have ports of their own, and their
 * connect(2) sends nothing: when one has an address to send from, it was the
 * ports.
 */
static bool
ports_ran_out(const struct peer *peer)
{
	int fd, result;

	fd = socket(peer->address.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return false;
	result =
	    connect(fd, (const struct sockaddr *)&peer->address, peer->length);
	close(fd);
	return result == 0;
}

static enum status
connect_status(int error, const struct peer *peer)
{
	if (error == EADDRNOTAVAIL && ports_ran_out(peer))
		return STATUS_SYSTEM;
	return MEANING(error, connect_meanings);
}

/* Waits for a connection in progress. */
static void
connect_finish(
    struct attempt *attempt, const struct peer *peer, int64_t deadline)
{
	int error = 0;
	socklen_t length = sizeof(error);

	attempt->status = STATUS_SYSTEM;
	if (deadline_wait(deadline, attempt->fd, POLLOUT) == -1) {
		attempt->error = errno;
		if (errno == ETIMEDOUT)
			attempt->status = STATUS_TIMEOUT;
	} else if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error,
		       &length) == -1) {
		attempt->error = errno;
	} else {
		attempt->error = error;
		attempt->status =
		    error == 0 ? STATUS_OK : connect_status(error, peer);
	}
}

/* True if connect(2) should be called again: a UNIX socket with a full backlog
 * does not connect later, and poll(2) does not report when there is room. */
static bool
should_retry(const struct peer *peer, int error, int64_t deadline)
{
	if (peer->address.ss_family != AF_UNIX || error != EAGAIN ||
	    deadline_left(deadline) <= 0)
		return false;
	(void)deadline_wait(deadline_after(RETRY_MS), -1, 0);
	return true;
}

static void
connect_until(
    struct attempt *attempt, const struct peer *peer, int64_t deadline)
{
	int error;

	do {
		error = connect(attempt->fd,
			    (const struct sockaddr *)&peer->address,
			    peer->length) == -1
		    ? errno
		    : 0;
	} while (should_retry(peer, error, deadline));
	if (error == EAGAIN && peer->address.ss_family == AF_UNIX)
		error = ETIMEDOUT;
	attempt->error = error;
	if (error == EINPROGRESS || error == EINTR)
		connect_finish(attempt, peer, deadline);
	else if (error != 0)
		attempt->status = connect_status(error, peer);
}

static struct attempt
connect_peer(const struct peer *peer, int64_t deadline)
{
	struct attempt attempt = { .status = STATUS_OK };

	attempt.fd = socket(peer->address.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (attempt.fd == -1) {
		attempt.error = errno;
		attempt.status = MEANING(errno, socket_meanings);
		return attempt;
	}
	connect_until(&attempt, peer, deadline);
	if (attempt.status != STATUS_OK) {
		close(attempt.fd);
		attempt.fd = -1;
	}
	return attempt;
}

/* Stores in *which the peer that the result is about. */
static struct attempt
connect_any(
    const struct peers *peers, int64_t deadline, const struct peer **which)
{
	struct attempt attempt, told = { .fd = -1 };

	for (size_t i = 0; i < peers->count; i++) {
		attempt = connect_peer(&peers->peer[i],
		    deadline_share(deadline, peers->count - i));
		/* The first; but a failure of this system says more. */
		if (attempt.fd != -1 || i == 0 ||
		    (attempt.status == STATUS_SYSTEM &&
			told.status != STATUS_SYSTEM)) {
			*which = &peers->peer[i];
			told = attempt;
		}
		if (attempt.fd != -1)
			break;
	}
	return told;
}

enum status
connect_first(const struct target *target, const struct peers *peers,
    int64_t deadline, int *fd, char label[CONNECT_LABEL_MAX])
{
	const struct peer *which = &peers->peer[0];
	struct attempt attempt = connect_any(peers, deadline, &which);

	label_format(label, target, which);
	*fd = attempt.fd;
	if (attempt.fd != -1)
		return STATUS_OK;
	if (peers->count == 1 || attempt.status == STATUS_SYSTEM)
		output_error(
		    "connect %s: %s", label, connect_why(attempt.error));
	else
		output_error("connect %s, first of %zu addresses: %s", label,
		    peers->count, connect_why(attempt.error));
	return attempt.status;
}

ssize_t
connect_read(int fd, char *data, size_t size, int64_t deadline)
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
