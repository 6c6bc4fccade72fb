/* Answering a client that speaks HTTP. */
#ifndef SPAWNER_IMAGE_RESPOND_H
#define SPAWNER_IMAGE_RESPOND_H

#include "shared/outcome.h"
#include "spawner/image/stream.h"

/* The parts of an answer, in the order in which they are sent. */
struct answer {
	struct text head; /* status line and constant fields */
	struct text end; /* of the head: Date, other fields, an empty line */
	struct text body; /* not for HEAD */
};

/*
 * Reads the head of a request for at most the session's request_ms, and answers
 * it.  Instead of 100 (Continue) it gets the final status, as RFC 9110, 10.1.1,
 * allows; what follows the head is not looked at.  Returns
 *
 *	OUTCOME_GREETED		the answer has been sent
 *	OUTCOME_BAD_REQUEST	400 has been sent, also to a client that ends
 *				its side of the stream within the head; or 431,
 *				for more than REQUEST_HEAD_MAX bytes
 *	OUTCOME_REQUEST_TIMEOUT	408 has been sent, or nothing to a client that
 *				has sent nothing
 *	OUTCOME_CLIENT_GONE	the client has sent its end of stream only
 *
 * or what stream_send() does when an answer cannot be sent, or reading fails.
 */
enum outcome respond(struct stream *stream, const struct answer *answer);

#endif
