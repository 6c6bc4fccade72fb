/* What has become of what a client was sent, as the kernel knows it. */
#ifndef MASTER_CLIENTS_DELIVERY_H
#define MASTER_CLIENTS_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/outcome.h"

struct client;

/*
 * TCP counts bytes, in both directions (struct tcp_info of <linux/tcp.h>).  Of a
 * UNIX socket the kernel says only whether everything has been read (SIOCOUTQ,
 * which is memory there and not bytes), and whether the client closed before it
 * had (ECONNRESET, net/unix/af_unix.c, unix_release_sock()).
 */
struct delivery {
	bool counts; /* false: a UNIX socket's */
	/* What it has yet to take: bytes of the answer, or memory; 0: it has
	 * everything, if it is not gone. */
	uint64_t unsent;
	uint64_t taken; /* TCP: bytes that it has acknowledged */
	uint64_t queued; /* TCP: bytes that the kernel has yet to deliver, with the
			  * end of stream, which counts as one; UNIX: as unsent */
	int64_t still_us; /* TCP: since it was sent something last, which it took
			   * if it was not lost; UNIX: 0 */
	bool received; /* TCP: it has sent a byte, apart from what a proxy has
			* before it */
	bool gone; /* TCP: there is no connection any more */
	bool cut; /* UNIX: it closed before it had everything */
};

/* Looks at the client's connection.  Changes nothing: an error that it has is still
 * there. */
struct delivery delivery_look(const struct client *client);

/* The child of a client that asks has ended: notes how long the answer was, which
 * depends on the request.  Over a UNIX socket that is not known: it stays what it
 * may have been at most. */
void delivery_note_answer(struct client *client);

/*
 * Stores in *bytes what the client has taken of its answer, when its session has
 * ended so.  Over a UNIX socket that is all of it or 0, a part does not count; and
 * false is returned where even that is not known: how long an answer to a request
 * was, and whether a child that was ended by a signal had sent everything.
 */
bool delivery_bytes(const struct delivery *delivery,
    const struct client *client, enum outcome outcome, uint64_t *bytes);

/* False when the client may have sent something that its child has read, and
 * nobody has counted. */
bool delivery_was_silent(
    const struct delivery *delivery, const struct client *client);

#endif
