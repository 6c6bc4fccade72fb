/* Answering a client that speaks HTTP. */
#include "config.h"

#include "spawner/image/respond.h"

#include <stdint.h>

#include "spawner/image/bytes.h"
#include "spawner/image/image.h"
#include "spawner/image/request.h"
#include "shared/plan.h"

#define PARTS 3

#define HEAD(status, length)                                                  \
	"HTTP/1.1 " status "\r\n"                                             \
	"Content-Type: text/plain; charset=utf-8\r\n"                         \
	"Content-Length: " length "\r\n"                                      \
	"Cache-Control: no-store\r\n"                                         \
	"Connection: close\r\n"
#define LENGTH(literal) (sizeof(literal) - 1)
#define ROW(outcome, status, length, body)                                    \
	{ outcome, LENGTH(HEAD(status, length)), LENGTH("\r\n" body),         \
		HEAD(status, length), "\r\n" body }

/* What a request without a whole head is answered; Date comes in between.
 * Without pointers, so that nothing of it is relocated. */
static const struct error {
	uint16_t outcome;
	uint8_t head_length;
	uint8_t rest_length;
	char head[192];
	char rest[40];
} errors[] = {
	[REQUEST_UNFINISHED] = ROW(OUTCOME_REQUEST_TIMEOUT,
	    "408 Request Timeout", "16", "request timeout\n"),
	[REQUEST_BAD] = ROW(OUTCOME_BAD_REQUEST, "400 Bad Request", "12",
	    "bad request\n"),
	[REQUEST_TOO_LARGE] = ROW(OUTCOME_BAD_REQUEST,
	    "431 Request Header Fields Too Large", "32",
	    "request header fields too large\n"),
};

/* Until the head is judged, the time is over, or nothing more can come. */
static enum request_verdict
head_read(struct stream *stream, struct request *request)
{
	struct call_time left = stream_time(stream->session->request_ms);
	enum request_verdict verdict = REQUEST_UNFINISHED;
	struct text text;

	while (verdict == REQUEST_UNFINISHED) {
		text = stream_read(stream, REQUEST_HEAD_MAX - request->length);
		verdict = request_take(request, text.bytes, text.length);
		if (text.length > 0)
			continue;
		if (stream->ended || stream->failed ||
		    stream_await(POLLIN, &left) == 0)
			break;
	}
	return verdict;
}

/* One call for a short answer instead of three.  A long body is sent from where
 * it is. */
static enum outcome
answer_send(struct stream *stream, const struct answer *answer)
{
	const struct text parts[] = { answer->head, answer->end, answer->body };
	char *gathered = stream->memory->gathered;
	struct text first = { gathered, 0 };
	enum outcome outcome;
	size_t i;

	for (i = 0; i < PARTS &&
	     parts[i].length <= IMAGE_GATHERED_MAX - first.length; i++) {
		bytes_copy(gathered + first.length, parts[i].bytes,
		    parts[i].length);
		first.length += parts[i].length;
	}
	outcome = stream_send(stream, first);
	for (; i < PARTS && outcome == OUTCOME_GREETED; i++)
		outcome = stream_send(stream, parts[i]);
	return outcome;
}

static enum outcome
error_send(struct stream *stream, const struct error *error, const char *date)
{
	struct answer answer = {
		{ error->head, error->head_length },
		{ date, PLAN_DATE_LENGTH },
		{ error->rest, error->rest_length },
	};
	enum outcome outcome = answer_send(stream, &answer);

	return outcome == OUTCOME_GREETED ? error->outcome : outcome;
}

enum outcome
respond(struct stream *stream, const struct answer *answer)
{
	struct answer whole = *answer;
	struct request request = { 0 };
	enum request_verdict verdict = head_read(stream, &request);

	if (stream->failed)
		return stream->outcome;
	if (request.length == 0)
		return stream->ended ? OUTCOME_CLIENT_GONE :
				       OUTCOME_REQUEST_TIMEOUT;
	if (stream->ended)
		verdict = REQUEST_BAD;
	if (verdict != REQUEST_GOOD)
		return error_send(stream, &errors[verdict], answer->end.bytes);
	if (request.is_head)
		whole.body.length = 0;
	return answer_send(stream, &whole);
}
