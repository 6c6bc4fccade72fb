/* The client's stream: sending, reading, and discarding what the client sends
 * meanwhile. */
#include "config.h"

#include "spawner/stream.h"

#include <errno.h>

#include "shared/plan.h"

/* How much a client may send before we stop discarding it: a talkative client
 * (a POST of 5 MB) must get an orderly end, a flood need not. */
#define DRAIN_MAX (16u << 20)

/* Small, so that it fits into the page of the other variables: a mapping of its
 * own would have to be copied for every client. */
#define PIECE_MAX 2048

static char piece[PIECE_MAX];

struct call_time
stream_time(uint32_t ms)
{
	return (struct call_time) { ms / 1000, ms % 1000 * 1000000 };
}

short
stream_await(short events, struct call_time *left)
{
	struct pollfd fd = { SPAWNER_CLIENT, events, 0 };

	if (call_ppoll(&fd, events != 0, left) <= 0)
		return 0;
	return fd.revents;
}

/* The client has closed (EPIPE: it sent its end of stream, then refused our
 * bytes), reset the connection, or become unreachable. */
static enum outcome
outcome_of_error(int error)
{
	return error == ECONNRESET ? OUTCOME_RESET : OUTCOME_CLIENT_GONE;
}

static void
stream_fail(struct stream *stream, int error)
{
	stream->failed = true;
	stream->outcome = outcome_of_error(error);
}

/* Returns how many bytes have come into the piece. */
static size_t
receive(struct stream *stream, size_t max, int flags)
{
	long n = call_recv(
	    piece, max < sizeof(piece) ? max : sizeof(piece), flags);

	if (n > 0)
		return (size_t)n;
	if (n == 0)
		stream->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		stream_fail(stream, errno);
	return 0;
}

/* Discards at most one piece of what has arrived; TCP does not even copy
 * it. */
static void
stream_drain(struct stream *stream)
{
	stream->drained += receive(stream, sizeof(piece), MSG_TRUNC);
}

struct text
stream_read(struct stream *stream, size_t max)
{
	return (struct text) { piece, receive(stream, max, 0) };
}

/* POLLIN as long as reading makes sense. */
static short
input_events(const struct stream *stream)
{
	return stream->ended || stream->drained > DRAIN_MAX ? 0 : POLLIN;
}

enum outcome
stream_send(struct stream *stream, struct text text)
{
	const struct plan_session *session = stream->session;
	struct call_time left = stream_time(session->send_ms);
	int more = session->hold ? 0 : MSG_MORE; /* the end goes along */
	short events;
	long n;

	while (text.length > 0) {
		n = call_send(text.bytes, text.length, more);
		if (n > 0) {
			text.bytes += n;
			text.length -= (size_t)n;
			left = stream_time(session->send_ms);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return outcome_of_error(errno);
		events = stream_await(POLLOUT | input_events(stream), &left);
		if (events == 0)
			return OUTCOME_SEND_TIMEOUT;
		if (events & POLLIN)
			stream_drain(stream);
		if (stream->failed)
			return stream->outcome;
	}
	return OUTCOME_GREETED;
}

void
stream_await_end(struct stream *stream, struct call_time *left)
{
	while (!stream->ended && !stream->failed) {
		if (input_events(stream) == 0 ||
		    stream_await(POLLIN, left) == 0)
			return;
		stream_drain(stream);
	}
}
