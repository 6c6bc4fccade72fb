/* One client: greet it, see it off, exit with what happened. */
#include "config.h"

#include "session.h"

#include <errno.h>
#include <stdbool.h>

#include "calls.h"
#include "prologue.h"
#include "shared/outcome.h"
#include "shared/plan.h"

/* A client may send this much that nobody reads before we stop reading it:
 * a talkative one (1 MB of headers) must get its clean end, a flood must not. */
#define DRAIN_MAX (4u << 20)

/* Small, so that it lies in the page of the other variables: a mapping of its own
 * would have to be copied for every client. */
#define DRAIN_PIECE 2048

/* How often to look whether the kernel has delivered the rest. */
#define SETTLE_STEP_MIN_MS 1
#define SETTLE_STEP_MAX_MS 64

/* What we know of the client's side of the stream. */
struct input {
	uint64_t drained; /* bytes */
	bool ended; /* end of stream seen */
	bool failed; /* error seen: outcome says which */
	enum outcome outcome;
};

static struct call_time
time_of(uint32_t ms)
{
	return (struct call_time) { ms / 1000, ms % 1000 * 1000000 };
}

/* Waits for events on the client, or for nothing but time when events is 0;
 * returns what happened, 0 when *left is used up. */
static short
await(short events, struct call_time *left)
{
	struct pollfd fd = { SPAWNER_CLIENT, events, 0 };

	if (call_ppoll(&fd, events != 0, left) <= 0)
		return 0;
	return fd.revents;
}

/* The client closed (EPIPE: it sent its end, then refused our bytes), reset,
 * or went out of reach. */
static enum outcome
outcome_of_error(int error)
{
	return error == ECONNRESET ? OUTCOME_RESET : OUTCOME_CLIENT_GONE;
}

static void
input_fail(struct input *input, int error)
{
	input->failed = true;
	input->outcome = outcome_of_error(error);
}

/* Throws away what has arrived, one buffer at most; TCP does not even copy. */
static void
input_drain(struct input *input)
{
	static char buffer[DRAIN_PIECE];
	long n = call_recv(buffer, sizeof(buffer));

	if (n > 0)
		input->drained += (uint64_t)n;
	else if (n == 0)
		input->ended = true;
	else if (errno != EAGAIN && errno != EINTR)
		input_fail(input, errno);
}

/* POLLIN while reading still makes sense. */
static short
input_events(const struct input *input)
{
	return input->ended || input->drained > DRAIN_MAX ? 0 : POLLIN;
}

/*
 * Sends all.  Reads meanwhile: a client that writes a lot before it reads would
 * otherwise wait for us as we wait for it.
 */
static enum outcome
greet(struct input *input, const struct plan_session *session,
    const char *bytes)
{
	struct call_time left = time_of(session->send_ms);
	size_t length = session->greeting_length;
	int more = session->hold ? 0 : MSG_MORE; /* the end goes with it */
	short events;
	long n;

	while (length > 0) {
		n = call_send(bytes, length, more);
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
			left = time_of(session->send_ms);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return outcome_of_error(errno);
		events = await(POLLOUT | input_events(input), &left);
		if (events == 0)
			return OUTCOME_SEND_TIMEOUT;
		if (events & POLLIN)
			input_drain(input);
		if (input->failed)
			return input->outcome;
	}
	return OUTCOME_GREETED;
}

/* Reads until the client ends, fails, or *left is used up. */
static void
input_await_end(struct input *input, struct call_time *left)
{
	while (!input->ended && !input->failed) {
		if (input_events(input) == 0 || await(POLLIN, left) == 0)
			return;
		input_drain(input);
	}
}

/* Bytes still on their way to the client; the end of stream counts as one. */
static int
unsent(void)
{
	int bytes = 0;

	return call_unsent(&bytes) == 0 ? bytes : 0;
}

/* One look at a stream that both sides have ended: was it reset? */
static bool
was_reset(void)
{
	struct pollfd fd = { SPAWNER_CLIENT, 0, 0 };
	struct call_time now = { 0, 0 };

	return call_ppoll(&fd, 1, &now) == 1 && fd.revents & POLLERR;
}

/*
 * Waits ms, less when the client writes; returns the microseconds waited.  There
 * is no event for "delivered", so settle() looks again and again.
 */
static uint64_t
settle_step(struct input *input, uint32_t ms)
{
	struct call_time left = time_of(ms);

	if (await(input_events(input), &left) != 0)
		input_drain(input);
	if (was_reset()) /* one that has closed refuses what still comes */
		input_fail(input, input->ended ? EPIPE : ECONNRESET);
	return ms * UINT64_C(1000) - (uint64_t)left.nanoseconds / 1000;
}

/* Waits while the client keeps taking what is left, but not longer than
 * send_ms for a client that takes nothing. */
static enum outcome
settle(struct input *input, const struct plan_session *session)
{
	uint32_t step = SETTLE_STEP_MIN_MS;
	uint64_t idle = 0;
	int before = unsent(), now;

	while ((now = unsent()) > 0 && !input->failed) {
		if (now < before)
			idle = 0;
		before = now;
		if (idle >= session->send_ms * UINT64_C(1000))
			return OUTCOME_SEND_TIMEOUT;
		idle += settle_step(input, step);
		if (step < SETTLE_STEP_MAX_MS)
			step *= 2;
	}
	return input->failed ? input->outcome : OUTCOME_GREETED;
}

/*
 * The polite end: our end of stream, then the client's.  Closing with input
 * unread would make Linux send a reset, which can destroy the greeting on its
 * way.
 */
static enum outcome
see_off(struct input *input, const struct plan_session *session)
{
	struct call_time left = time_of(session->linger_ms);
	bool open = call_shutdown_write() == 0;
	enum outcome outcome;

	if (open && session->linger_ms == 0)
		return OUTCOME_GREETED;
	input_await_end(input, &left); /* when not open: says why */
	if (input->failed)
		return input->outcome;
	if (!open)
		return OUTCOME_CLIENT_GONE;
	if (unsent() == 0)
		return OUTCOME_GREETED;
	outcome = settle(input, session);
	if (outcome == OUTCOME_GREETED && !input->ended) {
		left = time_of(session->linger_ms);
		input_await_end(input, &left);
	}
	return input->failed ? input->outcome : outcome;
}

/* Until the client ends it; the session timer is the limit.  One that has sent
 * DRAIN_MAX is not read any more, nor told. */
static enum outcome
hold(struct input *input)
{
	struct call_time day = { 86400, 0 };

	input_await_end(input, &day);
	if (!input->ended && !input->failed)
		await(0, &day);
	return input->failed ? input->outcome : OUTCOME_GREETED;
}

void
session_run(const struct plan *plan, const struct plan_session *session)
{
	const char *greeting = (const char *)plan + session->greeting_offset;
	struct input input = { 0 };
	enum outcome outcome;

	prologue(plan, session);
	outcome = greet(&input, session, greeting);
	if (outcome == OUTCOME_GREETED && session->hold)
		outcome = hold(&input);
	/* One that has ended with all of it in hand need not hear our end. */
	if (outcome == OUTCOME_GREETED && (!session->hold || unsent() > 0))
		outcome = see_off(&input, session);
	call_exit(outcome);
}
