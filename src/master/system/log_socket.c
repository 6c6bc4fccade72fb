/* Keeps the socket of a log server connected. */
#include "config.h"

#include "master/system/log_socket.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "master/system/clock.h"

#define RECONNECT_INTERVAL (250 * CLOCK_MS)

/* Returns how many lines are lost by it: one of which a part is left. */
static unsigned
disconnect(struct log_socket *log)
{
	unsigned lost = log->output.rest_length > 0 ? 1 : 0;

	if (log->output.fd != -1)
		close(log->output.fd);
	output_close(&log->output);
	return lost;
}

static bool
connect_as(struct log_socket *log, int type)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error;

	if (fd == -1)
		return false;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", log->path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1) {
		error = errno;
		close(fd);
		errno = error;
		return false;
	}
	output_open(&log->output, fd);
	log->is_stream = type == SOCK_STREAM;
	return true;
}

bool
log_socket_connect(struct log_socket *log)
{
	int64_t now = clock_now();

	if (log->output.fd != -1)
		return true;
	if (now < log->reconnect_at) {
		errno = EAGAIN;
		return false;
	}
	log->reconnect_at = now + RECONNECT_INTERVAL;
	return connect_as(log, SOCK_DGRAM) ||
	    (log->may_be_stream && errno == EPROTOTYPE &&
		connect_as(log, SOCK_STREAM));
}

/* The log server was restarted. */
static bool
must_reconnect(int error)
{
	return error == ECONNREFUSED || error == ECONNRESET ||
	    error == ENOTCONN || error == EPIPE || error == EDESTADDRREQ;
}

unsigned
log_socket_put(struct log_socket *log, const char *bytes, size_t length)
{
	unsigned lost = 0;
	int tries;

	for (tries = 0; tries < 2 && log_socket_connect(log); tries++) {
		if (output_put(&log->output, bytes,
			length + (log->is_stream ? 1 : 0)))
			return lost;
		if (!must_reconnect(errno))
			break;
		lost += disconnect(log);
	}
	return lost + 1;
}

unsigned
log_socket_close(struct log_socket *log)
{
	log->reconnect_at = 0;
	return disconnect(log);
}
