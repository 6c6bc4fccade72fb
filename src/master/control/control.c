/* The control socket's other end. */
#include "config.h"

#include "master/control/control.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/control/credentials.h"
#include "master/control/reload_text.h"
#include "master/control/verbs.h"
#include "master/system/log_event.h"

#define REFUSAL_MAX 4400 /* with a path in it */
#define ACCEPTS_MAX 4 /* a turn; more wait for the next */
#define ACCEPT_PAUSE CLOCK_SECOND

int
control_init(struct control *control, int epoll, int fd,
    const struct overview *overview, const struct control_actions *actions)
{
	struct epoll_event quiet = event_make(0, EVENT_CONTROL, 0);

	*control = (struct control) {
		.epoll = epoll, .fd = fd, .overview = overview,
		.actions = actions };
	if (fd == -1)
		return 0;
	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &quiet);
}

void
control_relisten(struct control *control, int fd)
{
	struct epoll_event quiet = event_make(0, EVENT_CONTROL, 0);

	if (fd == control->fd)
		return;
	control->fd = fd;
	control->watched = control->knocked = false;
	if (epoll_ctl(control->epoll, EPOLL_CTL_ADD, fd, &quiet) == -1)
		log_line(LOG_WARNING, "control socket: epoll_ctl: %s",
		    strerror(errno));
}

/* A child that has just been forked may have the descriptor too, so closing it
 * is not enough to remove it from epoll. */
static void
peer_end(struct control *control, struct control_peer *peer)
{
	epoll_ctl(control->epoll, EPOLL_CTL_DEL, peer->fd, NULL);
	close(peer->fd);
	free(peer->answer);
	*peer = (struct control_peer){ .state = CONTROL_FREE, .fd = -1 };
}

static void
peer_watch(
    struct control *control, const struct control_peer *peer, uint32_t events)
{
	struct epoll_event event = event_make(events, EVENT_CONTROL_PEER,
	    (uint32_t)(peer - control->peers));

	epoll_ctl(control->epoll, EPOLL_CTL_MOD, peer->fd, &event);
}

/* ------------------------------------------------------------------- answering */

static void
peer_send(struct control *control, struct control_peer *peer)
{
	ssize_t n;

	do {
		n = send(peer->fd, peer->answer + peer->sent,
		    peer->length - peer->sent, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0)
			peer->sent += (size_t)n;
	} while ((n > 0 && peer->sent < peer->length) ||
	    (n == -1 && errno == EINTR));
	if (n == -1 && (errno == EAGAIN || errno == ENOBUFS))
		peer_watch(control, peer, EPOLLOUT);
	else
		peer_end(control, peer);
}

/* The texts stay the caller's. NULL means that memory ran out; then there is no
 * answer. */
static void
answer(struct control *control, struct control_peer *peer,
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
	peer->state = CONTROL_SENDING;
	peer->deadline = now + CONTROL_SECONDS * CLOCK_SECOND;
	peer->length = (size_t)length;
	peer_send(control, peer);
}

static void
refuse(struct control *control, struct control_peer *peer,
    enum control_status status, const char *why, int64_t now)
{
	char text[REFUSAL_MAX];

	snprintf(text, sizeof(text), "forkgreetd: %s\n",
	    why == NULL ? "out of memory" : why);
	answer(control, peer, status, "", text, now);
}

/* NULL, or why no more requests for a reload are taken. */
static const char *
reload_refusal(const struct control *control)
{
	const struct control_peer *peer = control->peers;
	int waiting = 0;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		waiting += peer->state == CONTROL_WAITING;
	if (control->closed_why == NULL && waiting >= CONTROL_WAITING_MAX)
		return "reload: too many requests are waiting for one";
	return control->closed_why;
}

/* A reload that has begun may have read its file already. */
static void
reload_want(struct control *control, struct control_peer *peer, int64_t now)
{
	const char *refusal = reload_refusal(control);

	if (refusal != NULL) {
		refuse(control, peer, CONTROL_REFUSED, refusal, now);
		return;
	}
	log_event(LOG_INFO, "control", LOG_WORD("verb", "reload"),
	    LOG_SIGNED("uid", (int)peer->who.uid),
	    LOG_SIGNED("pid", (int)peer->who.pid));
	control->reload_wanted = true;
	peer->state = CONTROL_WAITING;
	peer->deadline = CLOCK_NEVER;
	peer->ticket = control->reloads + 1;
	peer_watch(control, peer, 0); /* its end is told all the same */
}

/* length bytes of the peer's request are one line, with a NUL in place of its
 * newline. */
static void
request_take(struct control *control, struct control_peer *peer, size_t length,
    int64_t now)
{
	struct verb_result result;

	verbs_run(&result, peer->request, length, control->overview,
	    control->actions, now);
	peer->json = result.json;
	if (result.refusal != NULL)
		refuse(control, peer, CONTROL_USAGE, result.refusal, now);
	else if (result.reload)
		reload_want(control, peer, now);
	else if (result.failed)
		refuse(control, peer, CONTROL_REFUSED, result.text, now);
	else
		answer(control, peer, CONTROL_OK, result.text, "", now);
	free(result.text);
}

static void
peer_read(struct control *control, struct control_peer *peer, int64_t now)
{
	ssize_t n = recv(peer->fd, peer->request + peer->have,
	    sizeof(peer->request) - peer->have, MSG_DONTWAIT);
	char *newline;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_end(control, peer);
		return;
	}
	peer->have += (size_t)n;
	newline = memchr(peer->request, '\n', peer->have);
	if (newline != NULL) {
		*newline = '\0';
		request_take(control, peer,
		    (size_t)(newline - peer->request), now);
	} else if (peer->have == sizeof(peer->request)) {
		refuse(control, peer, CONTROL_USAGE, "control: request too long",
		    now);
	}
}

void
control_peer_event(
    struct control *control, uint32_t index, uint32_t events, int64_t now)
{
	struct control_peer *peer = &control->peers[index];

	switch (peer->state) {
	case CONTROL_FREE:
		break;
	case CONTROL_READING:
		peer_read(control, peer, now);
		break;
	case CONTROL_WAITING:
		if ((events & (EPOLLHUP | EPOLLERR)) != 0)
			peer_end(control, peer);
		break;
	case CONTROL_SENDING:
		peer_send(control, peer);
		break;
	}
}

void
control_reload_begun(struct control *control)
{
	control->reload_wanted = false;
	control->reloads++;
}

void
control_reloaded(struct control *control, enum control_status status,
    const struct report *report, int64_t now)
{
	struct control_peer *peer = control->peers;
	char *out, *err;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++) {
		if (peer->state != CONTROL_WAITING ||
		    peer->ticket > control->reloads)
			continue;
		out = reload_text(
		    control->overview, report, status, peer->json);
		err = reload_text_report(report);
		answer(control, peer, status, out, err, now);
		free(out);
		free(err);
	}
}

void
control_cancelled(struct control *control, const char *why, int64_t now)
{
	struct control_peer *peer = control->peers;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state == CONTROL_WAITING)
			refuse(control, peer, CONTROL_REFUSED, why, now);
}

void
control_stop(struct control *control, const char *why, int64_t now)
{
	control->reload_wanted = false;
	control->closed_why = why;
	control_cancelled(control, why, now);
}

/* ------------------------------------------------------------------- accepting */

/* A free place, or that of the peer that has been silent longest; NULL when all
 * are being served. */
static struct control_peer *
place_find(struct control *control)
{
	struct control_peer *peer = control->peers, *oldest = NULL;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++) {
		if (peer->state == CONTROL_FREE)
			return peer;
		if (peer->state == CONTROL_READING &&
		    (oldest == NULL || peer->deadline < oldest->deadline))
			oldest = peer;
	}
	return oldest;
}

/* fd has the place from now on. */
static void
peer_begin(
    struct control *control, struct control_peer *peer, int fd, int64_t now)
{
	if (peer->state != CONTROL_FREE)
		peer_end(control, peer);
	peer->state = CONTROL_READING;
	peer->fd = fd;
	peer->deadline = now + CONTROL_SECONDS * CLOCK_SECOND;
	if (event_add(control->epoll, fd, EVENT_CONTROL_PEER,
		(uint32_t)(peer - control->peers)) == -1)
		peer_end(control, peer);
	else if (!credentials_allow(
		     &peer->who, fd, &control->denials, now))
		refuse(control, peer, CONTROL_DENIED,
		    "control: not allowed: root may, and the user that the "
		    "daemon runs as",
		    now);
	else
		peer_read(control, peer, now);
}

/* Without a place the others stay in the kernel's queue. */
static void
accept_some(struct control *control, int64_t now)
{
	struct control_peer *place;
	int fd, i;

	for (i = 0; i < ACCEPTS_MAX; i++) {
		place = place_find(control);
		if (place == NULL)
			return;
		fd = accept4(
		    control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1) {
			peer_begin(control, place, fd, now);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			control->accept_at = now + ACCEPT_PAUSE;
		return;
	}
}

void
control_step(struct control *control, int64_t now)
{
	struct control_peer *peer = control->peers;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state != CONTROL_FREE && now >= peer->deadline)
			peer_end(control, peer);
	if (now >= control->accept_at)
		control->accept_at = 0;
	if (control->knocked)
		accept_some(control, now);
	control->knocked = false;
}

void
control_resume(struct control *control)
{
	struct epoll_event event;
	bool wanted;

	if (control->fd == -1 || !control->is_open)
		return;
	wanted = control->accept_at == 0 && place_find(control) != NULL;
	if (wanted == control->watched)
		return;
	event = event_make(wanted ? EPOLLIN : 0, EVENT_CONTROL, 0);
	if (epoll_ctl(control->epoll, EPOLL_CTL_MOD, control->fd, &event) == 0)
		control->watched = wanted;
}

int64_t
control_wakeup(const struct control *control)
{
	const struct control_peer *peer = control->peers;
	int64_t next = CLOCK_NEVER;

	if (control->accept_at != 0)
		next = control->accept_at;
	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state != CONTROL_FREE && peer->deadline < next)
			next = peer->deadline;
	return next;
}

void
control_close(struct control *control)
{
	struct control_peer *peer = control->peers;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state != CONTROL_FREE)
			peer_end(control, peer);
	if (control->fd != -1)
		close(control->fd);
	control->fd = -1;
}
