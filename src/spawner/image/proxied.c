/* A client behind a proxy: reads the PROXY header, tells the master whom it
 * declares, and serves as the master says. */
#include "config.h"

#include "spawner/image/session.h"

#include "spawner/image/call.h"
#include "spawner/image/image.h"
#include "spawner/image/prologue.h"
#include "spawner/image/proxy.h"
#include "spawner/image/stream.h"
#include "shared/attempt.h"
#include "shared/outcome.h"
#include "shared/plan.h"

_Static_assert(offsetof(struct image_memory, order) ==
	offsetof(struct image_memory, go) + sizeof(struct plan_go),
    "one message");

/* Until the PROXY header is judged, the time is over, or nothing more can come.
 * Nothing behind it is taken: that is the client's. */
static enum outcome
header_await(struct stream *stream, struct proxy *proxy)
{
	struct call_time left = stream_time(stream->session->proxy_ms);
	struct text text;

	while (proxy->verdict == PROXY_UNFINISHED) {
		text = stream_peek(stream);
		if (text.length > 0)
			stream_discard(stream,
			    proxy_take(proxy, text.bytes, text.length));
		else if (stream->ended && proxy->length == 0)
			return OUTCOME_CLIENT_GONE;
		else if (stream->failed)
			return stream->outcome;
		else if (stream->ended || stream_await(POLLIN, &left) == 0)
			return OUTCOME_PROXY_ERROR;
	}
	return proxy->verdict == PROXY_GOOD ? OUTCOME_GREETED :
					      OUTCOME_PROXY_ERROR;
}

/* Waits for the master's answer to the header, which says what to send. */
static size_t
go_await(const struct image *image, const struct proxy *proxy)
{
	struct plan_declared declared;
	struct plan_go *go = &image->memory->go;
	long n;

	proxy_declared(proxy, &declared);
	if (call_declare(&declared) != (long)sizeof(declared))
		call_exit(OUTCOME_PROXY_ERROR);
	do
		n = call_await_go(go,
		    sizeof(*go) + sizeof(image->memory->order));
	while (n == -EINTR);
	if (n < (long)sizeof(*go))
		call_exit(OUTCOME_PROXY_ERROR);
	call_close(SPAWNER_PAIR);
	return (size_t)n - sizeof(*go);
}

void
session_proxied(
    const struct image *image, const void *what, size_t length, size_t head)
{
	const struct plan_session *session = what;
	struct stream stream = { .session = session, .memory = image->memory };
	struct proxy proxy = { .versions = session->proxy_versions };
	const struct plan_go *go = &image->memory->go;
	enum outcome outcome;

	(void)head;
	prologue_call(image->plan, session);
	outcome = header_await(&stream, &proxy);
	if (outcome != OUTCOME_GREETED)
		call_exit(outcome);
	length = go_await(image, &proxy);
	if (go->session >= image->plan->n_sessions)
		call_exit(PROLOGUE_EXIT_FAILED);
	session = &image->plan->session[go->session];
	if (!session_takes(session, length, go->head))
		call_exit(PROLOGUE_EXIT_FAILED);
	session_speak(image, session, length, go->head);
}
