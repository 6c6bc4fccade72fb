/* The client's stream: sending, reading, and discarding what the client sends
 * meanwhile. */
#include "config.h"

#include "spawner/image/stream.h"

#include "spawner/image/image.h"

/* How much a client may send before we stop discarding it: a talkative client
 * (a POST of 5 MB) must get an orderly end, a flood need not. */
#define DRAIN_MAX (16u << 20)

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
outcome_of_error(long error)
{
	return error == -ECONNRESET ? OUTCOME_RESET : OUTCOME_CLIENT_GONE;
}

static void
stream_fail(struct stream *stream, long error)
{
	stream->failed = true;
	stream->outcome = outcome_of_error(error);
}

/* Returns how many bytes have come into the piece. */
static size_t
receive(struct stream *stream, size_t max, int flags)
{
	long n = call_recv(stream->memory->piece,
	    max < IMAGE_PIECE_MAX ? max : IMAGE_PIECE_MAX, flags);

	if (n > 0)
		return (size_t)n;
	if (n == 0)
		stream->ended = true;
	else if (n != -EAGAIN && n != -EINTR)
		stream_fail(stream, n);
	return 0;
}

/* Discards at most one piece of what has arrived; TCP does not even copy
 * it. */
static void
stream_drain(struct stream *stream)
{
	stream->drained += receive(stream, IMAGE_PIECE_MAX, MSG_TRUNC);
}

struct text
stream_read(struct stream *stream, size_t max)
{
	return (struct text) { stream->memory->piece,
		receive(stream, max, 0) };
}

struct text
stream_peek(struct stream *stream)
{
	return (struct text) { stream->memory->piece,
		receive(stream, IMAGE_PIECE_MAX, MSG_PEEK) };
}

void
stream_discard(struct stream *stream, size_t n)
{
	receive(stream, n, MSG_TRUNC);
}

/* POLLIN as long as reading makes sense. */
static short
input_events(const struct stream *stream)
{
	return stream->ended || stream->drained > DRAIN_MAX ? 0 : POLLIN;
}

enum outcome
stream_send_on(struct stream *stream, struct text text, long sent)
{
	const struct plan_session *session = stream->session;
	struct call_time left = stream_time(session->send_ms);
	short events;

	for (;;) {
		if (sent > 0) {
			text.bytes += sent;
			text.length -= (size_t)sent;
			left = stream_time(session->send_ms);
		} else if (sent < 0 && sent != -EAGAIN && sent != -EINTR) {
			return outcome_of_error(sent);
		}
		if (text.length == 0)
			return OUTCOME_GREETED;
		events = sent > 0 ? POLLOUT :
		    stream_await(POLLOUT | input_events(stream), &left);
		if (events == 0)
			return OUTCOME_SEND_TIMEOUT;
		if (events & POLLIN)
			stream_drain(stream);
		if (stream->failed)
			return stream->outcome;
		sent = stream_try(session, text);
	}
}

enum outcome
stream_send(struct stream *stream, struct text text)
{
	if (text.length == 0)
		return OUTCOME_GREETED;
	return stream_send_on(stream, text, stream_try(stream->session, text));
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
