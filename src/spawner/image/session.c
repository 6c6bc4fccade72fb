/* One client: greets or answers it, ends the stream, exits with the outcome. */
#include "config.h"

#include "spawner/image/session.h"

#include "spawner/image/call.h"
#include "spawner/image/image.h"
#include "spawner/image/prologue.h"
#include "spawner/image/respond.h"
#include "spawner/image/stream.h"
#include "shared/outcome.h"
#include "shared/plan.h"

/* Until the client's end of stream; the session timer is the limit.  A client
 * that has sent too much is not read any more and not told so. */
static enum outcome
hold(struct stream *stream)
{
	struct call_time day = { 86400, 0 };

	stream_await_end(stream, &day);
	if (!stream->ended && !stream->failed)
		stream_await(0, &day);
	return stream->failed ? stream->outcome : OUTCOME_GREETED;
}

static struct text
plan_text(const struct plan *plan, uint32_t offset, uint32_t length)
{
	return (struct text) { (const char *)plan + offset, length };
}

/* In a session that is rendered the text is not the plan's, but comes with the
 * order. */
static inline struct text
text_of(const struct image *image, const struct plan_session *session,
    struct text order, size_t head)
{
	if (!session->rendered)
		return plan_text(image->plan, session->greeting_offset,
		    session->greeting_length);
	return (struct text) { order.bytes + head, order.length - head };
}

/* Everything has been sent that there was to say.  The lingering close is the
 * master's. */
_Noreturn static inline void
end(enum outcome outcome)
{
	call_shutdown_write();
	call_exit(outcome);
}

/* A plain greeting that did not go out at once, or is not all: sent is what became
 * of the first try. */
static enum outcome
greet_on(struct stream *stream, struct text greeting, long sent)
{
	enum outcome outcome = stream_send_on(stream, greeting, sent);

	if (outcome == OUTCOME_GREETED && stream->session->hold)
		outcome = hold(stream);
	return outcome;
}

static enum outcome
answer(struct stream *stream, const struct image *image, struct text order,
    size_t head)
{
	const struct plan_session *session = stream->session;
	struct answer answer = {
		plan_text(image->plan, session->head_offset,
		    session->head_length),
		{ order.bytes, head },
		text_of(image, session, order, head),
	};

	return respond(stream, &answer);
}

/* What needs memory. */
_Noreturn __attribute__((noinline)) static void
run_on(const struct image *image, const struct plan_session *session,
    size_t length, size_t head, long sent)
{
	struct text order = { image->memory->order, length };
	struct stream stream = { .session = session, .memory = image->memory };
	enum outcome outcome;

	if (session->format == PLAN_HTTP)
		outcome = answer(&stream, image, order, head);
	else
		outcome = greet_on(&stream,
		    text_of(image, session, order, head), sent);
	if (outcome == OUTCOME_GREETED || outcome == OUTCOME_BAD_REQUEST ||
	    outcome == OUTCOME_REQUEST_TIMEOUT)
		end(outcome);
	call_exit(outcome);
}

/* Nearly all clients take the greeting at once.  That way nothing is written to
 * memory, not even to the stack, so that no page is copied for them: the only
 * function that is called is at the end (tests/system/test_image.py counts the
 * page faults). */
_Noreturn __attribute__((always_inline)) static inline void
speak(const struct image *image, const struct plan_session *session,
    size_t length, size_t head)
{
	struct text order = { image->memory->order, length };
	struct text greeting;
	long sent = 0;

	if (session->format == PLAN_PLAIN) {
		greeting = text_of(image, session, order, head);
		if (greeting.length > 0)
			sent = stream_try(session, greeting);
		if (sent == (long)greeting.length && !session->hold)
			end(OUTCOME_GREETED);
	}
	run_on(image, session, length, head, sent);
}

void
session_run(
    const struct image *image, const void *what, size_t length, size_t head)
{
	const struct plan_session *session = what;

	prologue(image->plan, session);
	speak(image, session, length, head);
}

void
session_speak(const struct image *image, const struct plan_session *session,
    size_t length, size_t head)
{
	speak(image, session, length, head);
}
