/* The socket of a log server, which may come and go. */
#ifndef MASTER_SYSTEM_LOG_SOCKET_H
#define MASTER_SYSTEM_LOG_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/system/output.h"

struct log_socket {
	const char *path;
	bool may_be_stream; /* when it is no datagram socket */
	bool is_stream;
	struct output output;
	int64_t reconnect_at; /* clock_now() from which it may be tried */
};
#define LOG_SOCKET(path_, may_be_stream_) \
	{ .path = (path_), .may_be_stream = (may_be_stream_), \
		.output = OUTPUT_NONE }

/* Connects to it, if we are not; false with errno when that fails, or has failed
 * less than a quarter of a second ago. */
bool log_socket_connect(struct log_socket *socket);

/*
 * Sends length bytes, followed by a NUL that ends them on a stream, without
 * waiting; connects first, and again when the log server was restarted.  Returns
 * how many lines were lost: 0, this one, or with it an earlier one of which the
 * server that has gone had taken but a part.
 */
unsigned log_socket_put(
    struct log_socket *socket, const char *bytes, size_t length);

/* Disconnects; the next line may connect again at once.  Returns how many lines
 * were lost, as above. */
unsigned log_socket_close(struct log_socket *socket);

#endif
