/* Lines to a descriptor that is never waited for. */
#ifndef MASTER_OUTPUT_H
#define MASTER_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Longer lines are cut.  Below PIPE_BUF (4096): a pipe takes one whole or not at
 * all. */
#define OUTPUT_TEXT_MAX 1024 /* a line of text */
#define OUTPUT_BODY_MAX 2048 /* the same as JSON */
#define OUTPUT_LINE_MAX 2176 /* and with what is put round it */

/*
 * O_NONBLOCK is a property of the open file description, which we share with
 * whoever started us and with everything else that was started there: setting
 * it would make a shell's or a pipeline's other programs fail with EAGAIN.  And
 * poll(2) alone is not enough: POLLOUT of a terminal means that some bytes fit,
 * and write(2) sleeps until the line does; between poll and write another
 * writer may have filled a pipe.  So, by what the descriptor is:
 */
enum output_way {
	/* A socket: send(2) with MSG_DONTWAIT, which is of this call only. */
	OUTPUT_SOCKET,
	/* A regular file: a plain write(2), which waits for no reader.  Opened
	 * anew it would have an offset of its own, and without O_APPEND
	 * overwrite what others write there. */
	OUTPUT_FILE,
	/* A terminal, pipe or device: opened anew through /proc/self/fd, which
	 * makes a description of our own, with O_NONBLOCK (and O_NOCTTY). */
	OUTPUT_OWN,
	/* The same when that is not permitted (a terminal or pipe that another
	 * user made, /proc not mounted): write(2) once poll(2) says that
	 * something fits, interrupted by a timer should it sleep after all, for
	 * OUTPUT_SLEEP_MS at most; then no more tries for OUTPUT_PAUSE_MS. */
	OUTPUT_SHARED,
};
#define OUTPUT_SLEEP_MS 2
#define OUTPUT_PAUSE_MS 500

struct output {
	int fd; /* -1: none */
	enum output_way way;
	int64_t paused_until; /* clock_now(); OUTPUT_SHARED */
	size_t rest_length;
	char rest[OUTPUT_LINE_MAX]; /* of the last line: not yet taken */
};
#define OUTPUT_NONE { .fd = -1 }

/*
 * Finds the way to write to fd, which stays the caller's and must stay open.
 * To be called while the rights that fd was opened with are still there.
 */
void output_open(struct output *output, int fd);

/* Closes what output_open() has opened, forgets the rest of a line. */
void output_close(struct output *output);

/*
 * Writes a line (length bytes, at most OUTPUT_LINE_MAX, with whatever ends it;
 * a datagram, which is taken whole or not at all, may be longer).
 * If only a part of it is taken the rest is kept and goes out before the next
 * line, so that no line is ever glued to half of another.  Returns false, with
 * errno, when nothing of it was taken: it is lost.  EAGAIN and EINTR: the output
 * is full.
 */
bool output_put(struct output *output, const char *line, size_t length);

/* Tries to write the rest of the last line; false, with errno, while there is
 * some. */
bool output_flush(struct output *output);

#endif
