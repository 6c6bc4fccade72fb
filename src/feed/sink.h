/* Where what a process writes goes: a pipe, and a buffer for its beginning. */
#ifndef FEED_SINK_H
#define FEED_SINK_H

#include <stddef.h>

struct sink {
	char *bytes; /* the caller's, size bytes */
	size_t size;
	size_t length; /* so many have come; when it is full, maybe more */
	int fd; /* -1: closed, or nobody can write any more */
};

/* Opens a pipe: sink->fd does not block, and *end is for the writer.  Both are
 * closed on exec.  Returns 0; or -1 with errno, and then both are -1. */
int sink_open(struct sink *sink, int *end);

/* Reads what there is, at most as much as a few pipes hold.  What the buffer
 * has no room for is thrown away. */
void sink_read(struct sink *sink);

/* sink_read(), then closes it: a writer that is still there gets SIGPIPE. */
void sink_close(struct sink *sink);

#endif
