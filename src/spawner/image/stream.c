/* The client's stream: sending, reading, and discarding what the client sends
 * meanwhile. */
#include "config.h"

#include "spawner/image/stream.h"

#include <limits.h>

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

/*
 * The kernel says that there is room only when a third of its buffer is free,
 * and a slow client may take longer than send_ms for that.  So a wait for room
 * has looks at what the client has not taken yet: many at first, while what is
 * on its way arrives and delayed acknowledgements come (40 ms and more), then
 * few.
 */
#define SOON_MS 100
#define SOON_STEP_MS 20
#define LOOKS 8 /* in send_ms, at least */

struct taking {
	uint32_t left_ms; /* until the client has taken nothing for send_ms */
	uint32_t waited_ms; /* in all */
	uint32_t step_ms; /* from look to look */
	struct call_time step; /* what is left of it */
	int untaken; /* bytes; INT_MAX: nobody has looked */
};

static void
step_begin(struct taking *taking, uint32_t send_ms)
{
	uint32_t step_ms =
	    taking->waited_ms < SOON_MS ? SOON_STEP_MS : taking->waited_ms;

	if (step_ms > send_ms / LOOKS + 1)
		step_ms = send_ms / LOOKS + 1;
	if (step_ms > taking->left_ms)
		step_ms = taking->left_ms;
	taking->step_ms = step_ms;
	taking->step = stream_time(step_ms);
}

static void
taking_begin(struct taking *taking, uint32_t send_ms)
{
	taking->left_ms = send_ms;
	taking->waited_ms = 0;
	taking->untaken = INT_MAX;
	step_begin(taking, send_ms);
}

static bool
has_taken(struct taking *taking)
{
	int before = taking->untaken;

	return call_untaken(&taking->untaken) == 0 && taking->untaken < before;
}

/* A step is over, and there is no room.  False when the client has taken
 * nothing for too long. */
static bool
taking_goes_on(struct taking *taking, uint32_t send_ms)
{
	taking->waited_ms += taking->step_ms;
	taking->left_ms =
	    has_taken(taking) ? send_ms : taking->left_ms - taking->step_ms;
	step_begin(taking, send_ms);
	return taking->left_ms > 0;
}

/* Waits for room, and for input.  Returns the events that occurred, or 0 when
 * the client has taken nothing for send_ms. */
static short
await_room(const struct stream *stream, struct taking *taking)
{
	short events;

	do
		events =
		    stream_await(POLLOUT | input_events(stream), &taking->step);
	while (events == 0 && taking_goes_on(taking, stream->session->send_ms));
	return events;
}

enum outcome
stream_send_on(struct stream *stream, struct text text, long sent)
{
	const struct plan_session *session = stream->session;
	struct taking taking;
	short events;

	taking_begin(&taking, session->send_ms);
	for (;;) {
		if (sent > 0) {
			text.bytes += sent;
			text.length -= (size_t)sent;
			taking_begin(&taking, session->send_ms);
		} else if (sent < 0 && sent != -EAGAIN && sent != -EINTR) {
			return outcome_of_error(sent);
		}
		if (text.length == 0)
			return OUTCOME_GREETED;
		events = sent > 0 ? POLLOUT : await_room(stream, &taking);
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
