/* Where what a process writes goes. */
#include "config.h"

#include "feed/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/types.h>
#include <unistd.h>

#define PIECE 65536 /* bytes that a pipe holds, pipe(7) */
#define PIECES_MAX 16 /* for a turn: there is more to wait for */

int
sink_open(struct sink *sink, int *end)
{
	int fds[2];

	sink->fd = *end = -1;
	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	/* Of this end only: a program may not expect it of its own. */
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	sink->fd = fds[0];
	*end = fds[1];
	return 0;
}

/* Returns what read(2) did. */
static ssize_t
read_some(struct sink *sink)
{
	char waste[PIECE];
	size_t room = sink->size - sink->length;
	ssize_t n;

	if (room == 0)
		return read(sink->fd, waste, sizeof(waste));
	n = read(sink->fd, sink->bytes + sink->length, room);
	if (n > 0)
		sink->length += (size_t)n;
	return n;
}

void
sink_read(struct sink *sink)
{
	ssize_t n = 1;
	int pieces;

	for (pieces = 0; sink->fd != -1 && n > 0 && pieces < PIECES_MAX;
	    pieces++) {
		n = read_some(sink);
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			close(sink->fd);
			sink->fd = -1;
		}
	}
}

void
sink_close(struct sink *sink)
{
	sink_read(sink);
	if (sink->fd != -1)
		close(sink->fd);
	sink->fd = -1;
}
