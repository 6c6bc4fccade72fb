/* The client's stream: sending, reading, and discarding what the client sends
 * meanwhile. */
#ifndef SPAWNER_IMAGE_STREAM_H
#define SPAWNER_IMAGE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spawner/image/call.h"
#include "shared/outcome.h"
#include "shared/plan.h"

struct image_memory;

/* What is known about the client's side of the stream. */
struct stream {
	const struct plan_session *session;
	struct image_memory *memory;
	uint64_t drained; /* bytes */
	bool ended; /* end of stream seen */
	bool failed; /* error seen; outcome says which */
	enum outcome outcome;
};

struct text {
	const char *bytes;
	size_t length;
};

/* A time to wait. */
struct call_time stream_time(uint32_t ms);

/* Waits for events on the client; when events is 0, only for time. Returns the
 * events that occurred, or 0 when *left is used up. */
short stream_await(short events, struct call_time *left);

/* Sends what goes at once.  Returns how many bytes, or a negative errno.  Unless
 * the session has hold, the last ones may wait in the kernel for more, or for
 * the end of stream. */
static inline long
stream_try(const struct plan_session *session, struct text text)
{
	return call_send(
	    text.bytes, text.length, session->hold ? 0 : MSG_MORE);
}

/*
 * Sends everything, and reads meanwhile: a client that writes a lot before it
 * reads would otherwise wait for us while we wait for it.  Returns
 * OUTCOME_GREETED, or why the client cannot be sent more: also when it has
 * taken nothing for the session's send_ms.
 */
enum outcome stream_send(struct stream *stream, struct text text);

/* The same after a stream_try() with that result. */
enum outcome stream_send_on(
    struct stream *stream, struct text text, long sent);

/*
 * Reads at most max bytes of what has arrived, max not 0.  They stay until the
 * next call of a function here.  None: nothing has arrived, or the stream has
 * ended or failed, which it says then.
 */
struct text stream_read(struct stream *stream, size_t max);

/* The same, but they are read again until stream_discard(). */
struct text stream_peek(struct stream *stream);

/* Discards so many bytes that stream_peek() has returned. */
void stream_discard(struct stream *stream, size_t n);

/* Reads until the client's end of stream, an error, or *left is used up. */
void stream_await_end(struct stream *stream, struct call_time *left);

#endif
