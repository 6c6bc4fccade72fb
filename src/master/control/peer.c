/* One connection to the control socket. */
#include "config.h"

#include "master/control/peer.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/control/status.h"
#include "master/system/clock.h"
#include "master/system/events.h"

#define REFUSAL_MAX 4400 /* with a path in it */

/* A child that has just been forked may have the descriptor too, so closing it
 * is not enough to remove it from epoll. */
void
peer_end(struct control *control, struct control_peer *peer)
{
	epoll_ctl(control->epoll, EPOLL_CTL_DEL, peer->fd, NULL);
	close(peer->fd);
	free(peer->answer);
	*peer = (struct control_peer){ .state = CONTROL_FREE, .fd = -1 };
}

void
peer_watch(
    struct control *control, const struct control_peer *peer, uint32_t events)
{
	struct epoll_event event = event_make(events, EVENT_CONTROL_PEER,
	    (uint32_t)(peer - control->peers));

	epoll_ctl(control->epoll, EPOLL_CTL_MOD, peer->fd, &event);
}

/* It has CONTROL_SECONDS from its last progress, and all of them have an end. */
static void
peer_progress(struct control_peer *peer, int64_t now)
{
	peer->moved = now;
	peer->deadline = clock_earlier(
	    now + CONTROL_SECONDS * CLOCK_SECOND, peer->end);
}

/* Sends what there is.  Returns 1 when all of it is gone, 0 when the peer has yet
 * to take some, or -1 when it is gone itself. */
static int
send_some(struct control_peer *peer, int64_t now)
{
	ssize_t n;

	do {
		n = send(peer->fd, peer->answer + peer->sent,
		    peer->length - peer->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n <= 0)
			continue;
		peer->sent += (size_t)n;
		peer_progress(peer, now);
	} while ((n > 0 && peer->sent < peer->length) ||
	    (n == -1 && errno == EINTR));
	if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
		return 0;
	return n == -1 ? -1 : 1;
}

static void
peer_send(struct control *control, struct control_peer *peer, int64_t now)
{
	if (send_some(peer, now) == 0)
		peer_watch(control, peer, EPOLLOUT);
	else
		peer_end(control, peer);
}

static void
peer_begin_answer(struct control_peer *peer, int64_t now)
{
	peer->state = CONTROL_SENDING;
	peer->end = now + CONTROL_ANSWER_SECONDS * CLOCK_SECOND;
	peer_progress(peer, now);
}

void
peer_answer(struct control *control, struct control_peer *peer,
    enum control_status status, const char *out, const char *err, int64_t now)
{
	int length = -1;

	if (out != NULL && err != NULL)
		length = asprintf(&peer->answer, "%d %zu %zu\n%s%s",
		    (int)status, strlen(out), strlen(err), out, err);
	if (length == -1) {
		peer->answer = NULL;
		peer_end(control, peer);
		return;
	}
	peer_begin_answer(peer, now);
	peer->length = (size_t)length;
	control->made += peer->length;
	peer_send(control, peer, now);
}

void
peer_refuse(struct control *control, struct control_peer *peer,
    enum control_status status, const char *why, int64_t now)
{
	char text[REFUSAL_MAX];

	snprintf(text, sizeof(text), "forkgreetd: %s\n",
	    why == NULL ? "out of memory" : why);
	peer_answer(control, peer, status, "", text, now);
}

/* ---------------------------------------------------------------- in pieces */

void
peer_list(struct control *control, struct control_peer *peer,
    const struct client_rows *rows, int64_t now)
{
	peer->answer = strdup(CONTROL_PIECES);
	if (peer->answer == NULL) {
		peer_end(control, peer);
		return;
	}
	peer->length = strlen(peer->answer);
	peer->listing = true;
	peer->rows = *rows;
	peer_begin_answer(peer, now);
	peer_watch(control, peer, EPOLLOUT);
}

/* Makes the next piece.  Returns -1 when memory ran out. */
static int
piece_make(struct control *control, struct control_peer *peer, int64_t now)
{
	char *text = client_rows_more(&peer->rows, control->overview, now);
	int length = -1;

	if (text == NULL)
		return -1;
	free(peer->answer);
	peer->answer = NULL;
	peer->sent = 0;
	peer->listing = !peer->rows.done;
	if (*text == '\0')
		length = asprintf(&peer->answer, "%s",
		    peer->listing ? "" : CONTROL_PIECES_END);
	else
		length = asprintf(&peer->answer, "%zu\n%s%s", strlen(text),
		    text, peer->listing ? "" : CONTROL_PIECES_END);
	free(text);
	if (length == -1) {
		peer->answer = NULL;
		return -1;
	}
	peer->length = (size_t)length;
	control->made += peer->length;
	return 0;
}

/* The rest of a piece, and the next one; no more, however fast it reads: epoll
 * says in the next turn that it is writable. */
void
peer_go_on(struct control *control, struct control_peer *peer, int64_t now)
{
	int sent = send_some(peer, now);

	peer->writable = false;
	if (sent == 1 && piece_make(control, peer, now) == -1)
		sent = -1;
	if (sent == -1)
		peer_end(control, peer);
	else if (!peer->listing)
		peer_send(control, peer, now);
}

void
peer_is_writable(
    struct control *control, struct control_peer *peer, int64_t now)
{
	if (peer->listing)
		peer->writable = true;
	else
		peer_send(control, peer, now);
}
