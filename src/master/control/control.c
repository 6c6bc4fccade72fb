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
#include "master/server.h"
#include "master/control/status.h"

#define ACCEPTS_MAX 4 /* a turn; more wait for the next */
#define ACCEPT_PAUSE CLOCK_SECOND
#define DENIALS_LOG_INTERVAL CLOCK_SECOND

int
control_attach(struct server *server)
{
	struct epoll_event quiet = event_make(0, EVENT_CONTROL, 0);

	if (server->control.fd == -1)
		return 0;
	return epoll_ctl(
	    server->epoll, EPOLL_CTL_ADD, server->control.fd, &quiet);
}

/* A child that has just been forked may have the descriptor too, so its closing
 * alone does not take it from epoll. */
static void
peer_end(struct server *server, struct control_peer *peer)
{
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, peer->fd, NULL);
	close(peer->fd);
	free(peer->answer);
	*peer = (struct control_peer){ .state = CONTROL_FREE, .fd = -1 };
}

static void
peer_watch(
    struct server *server, const struct control_peer *peer, uint32_t events)
{
	struct epoll_event event = event_make(events, EVENT_CONTROL_PEER,
	    (uint32_t)(peer - server->control.peers));

	epoll_ctl(server->epoll, EPOLL_CTL_MOD, peer->fd, &event);
}

/* ------------------------------------------------------------------- answering */

static void
peer_send(struct server *server, struct control_peer *peer)
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
		peer_watch(server, peer, EPOLLOUT);
	else
		peer_end(server, peer);
}

/* The texts stay the caller's; NULL: memory ran out, there is no answer. */
static void
answer(struct server *server, struct control_peer *peer,
    enum control_status status, const char *out, const char *err, int64_t now)
{
	int length = -1;

	if (out != NULL && err != NULL)
		length = asprintf(&peer->answer, "%d %zu %zu\n%s%s",
		    (int)status, strlen(out), strlen(err), out, err);
	if (length == -1) {
		peer->answer = NULL;
		peer_end(server, peer);
		return;
	}
	peer->state = CONTROL_SENDING;
	peer->deadline = now + CONTROL_SECONDS * CLOCK_SECOND;
	peer->length = (size_t)length;
	peer_send(server, peer);
}

static void
refuse(struct server *server, struct control_peer *peer,
    enum control_status status, const char *why, int64_t now)
{
	char text[128];

	snprintf(text, sizeof(text), "forkgreetd: %s\n", why);
	answer(server, peer, status, "", text, now);
}

/* ----------------------------------------------------------------------- verbs */

static void
verb_status(struct server *server, struct control_peer *peer, int64_t now)
{
	char *text = status_text(server, peer->json, now);

	answer(server, peer, CONTROL_OK, text, "", now);
	free(text);
}

/* One that has begun has read its file already. */
static void
verb_reload(struct server *server, struct control_peer *peer, int64_t now)
{
	if (server->stop != STOP_NOT) {
		refuse(server, peer, CONTROL_REFUSED,
		    "reload: the daemon is stopping", now);
		return;
	}
	log_line(LOG_INFO, "control verb=reload uid=%d pid=%d",
	    (int)peer->who.uid, (int)peer->who.pid);
	server->reload.wanted = true;
	peer->state = CONTROL_WAITING;
	peer->deadline = CLOCK_NEVER;
	peer->ticket = server->reload.begun + 1;
	peer_watch(server, peer, 0); /* its end is told all the same */
}

static const struct verb {
	const char *name;
	void (*run)(
	    struct server *server, struct control_peer *peer, int64_t now);
} verbs[] = {
	{ "status", verb_status },
	{ "reload", verb_reload },
};

/* length bytes of request are one line, with a NUL in place of its newline. */
static void
request_take(struct server *server, struct control_peer *peer,
    const char *request, size_t length, int64_t now)
{
	const struct verb *verb = verbs;
	const struct verb *end = verbs + sizeof(verbs) / sizeof(verbs[0]);
	const char *option;

	for (; verb < end && strlen(request) == length; verb++) {
		if (strncmp(request, verb->name, strlen(verb->name)) != 0)
			continue;
		option = request + strlen(verb->name);
		peer->json = strcmp(option, " json") == 0;
		if (*option != '\0' && !peer->json)
			continue;
		verb->run(server, peer, now);
		return;
	}
	refuse(server, peer, CONTROL_USAGE,
	    "control: unknown request, known are status and reload", now);
}

static void
peer_read(struct server *server, struct control_peer *peer, int64_t now)
{
	ssize_t n = recv(peer->fd, peer->request + peer->have,
	    sizeof(peer->request) - peer->have, MSG_DONTWAIT);
	char *newline;

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		peer_end(server, peer);
		return;
	}
	peer->have += (size_t)n;
	newline = memchr(peer->request, '\n', peer->have);
	if (newline != NULL) {
		*newline = '\0';
		request_take(server, peer, peer->request,
		    (size_t)(newline - peer->request), now);
	} else if (peer->have == sizeof(peer->request)) {
		refuse(server, peer, CONTROL_USAGE, "control: request too long",
		    now);
	}
}

void
control_peer_event(
    struct server *server, uint32_t index, uint32_t events, int64_t now)
{
	struct control_peer *peer = &server->control.peers[index];

	switch (peer->state) {
	case CONTROL_FREE:
		break;
	case CONTROL_READING:
		peer_read(server, peer, now);
		break;
	case CONTROL_WAITING:
		if ((events & (EPOLLHUP | EPOLLERR)) != 0)
			peer_end(server, peer);
		break;
	case CONTROL_SENDING:
		peer_send(server, peer);
		break;
	}
}

void
control_reloaded(struct server *server, uint64_t ticket,
    enum control_status status, const struct report *report, int64_t now)
{
	struct control_peer *peer = server->control.peers;
	char *out, *err;

	for (; peer < server->control.peers + CONTROL_PEERS_MAX; peer++) {
		if (peer->state != CONTROL_WAITING || peer->ticket > ticket)
			continue;
		out = status_reload_text(server, report, status, peer->json);
		err = status_report_text(report);
		answer(server, peer, status, out, err, now);
		free(out);
		free(err);
	}
}

void
control_cancelled(struct server *server, const char *why, int64_t now)
{
	struct control_peer *peer = server->control.peers;

	for (; peer < server->control.peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state == CONTROL_WAITING)
			refuse(server, peer, CONTROL_REFUSED, why, now);
}

/* ------------------------------------------------------------------- accepting */

/* A free place, or that of the one who has been silent longest; NULL when all
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

/* The file's mode says so too, but modes get changed. */
static bool
is_allowed(struct server *server, struct control_peer *peer, int64_t now)
{
	struct ucred *who = &peer->who;
	socklen_t length = sizeof(*who);
	uint64_t suppressed;

	who->uid = (uid_t)-1;
	if (getsockopt(peer->fd, SOL_SOCKET, SO_PEERCRED, who, &length) == 0 &&
	    (who->uid == 0 || who->uid == geteuid()))
		return true;
	if (log_limit_pass(&server->control.denials, now, DENIALS_LOG_INTERVAL,
		&suppressed))
		log_line(LOG_WARNING,
		    "control result=denied uid=%d pid=%d suppressed=%llu",
		    (int)who->uid, (int)who->pid,
		    (unsigned long long)suppressed);
	return false;
}

/* fd has the place from now on. */
static void
peer_begin(
    struct server *server, struct control_peer *peer, int fd, int64_t now)
{
	if (peer->state != CONTROL_FREE)
		peer_end(server, peer);
	peer->state = CONTROL_READING;
	peer->fd = fd;
	peer->deadline = now + CONTROL_SECONDS * CLOCK_SECOND;
	if (event_add(server->epoll, fd, EVENT_CONTROL_PEER,
		(uint32_t)(peer - server->control.peers)) == -1)
		peer_end(server, peer);
	else if (!is_allowed(server, peer, now))
		refuse(server, peer, CONTROL_DENIED,
		    "control: not allowed: root may, and the user that the "
		    "daemon runs as",
		    now);
	else
		peer_read(server, peer, now);
}

/* Without a place the others stay in the kernel's queue. */
static void
accept_some(struct server *server, int64_t now)
{
	struct control *control = &server->control;
	struct control_peer *place;
	int fd, i;

	for (i = 0; i < ACCEPTS_MAX; i++) {
		place = place_find(control);
		if (place == NULL)
			return;
		fd = accept4(
		    control->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd != -1) {
			peer_begin(server, place, fd, now);
			continue;
		}
		if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
			control->accept_at = now + ACCEPT_PAUSE;
		return;
	}
}

void
control_step(struct server *server, int64_t now)
{
	struct control *control = &server->control;
	struct control_peer *peer = control->peers;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state != CONTROL_FREE && now >= peer->deadline)
			peer_end(server, peer);
	if (now >= control->accept_at)
		control->accept_at = 0;
	if (control->knocked)
		accept_some(server, now);
	control->knocked = false;
}

void
control_resume(struct server *server)
{
	struct control *control = &server->control;
	struct epoll_event event;
	bool wanted;

	if (control->fd == -1 || !server->ready)
		return;
	wanted = control->accept_at == 0 && place_find(control) != NULL;
	if (wanted == control->watched)
		return;
	event = event_make(wanted ? EPOLLIN : 0, EVENT_CONTROL, 0);
	if (epoll_ctl(server->epoll, EPOLL_CTL_MOD, control->fd, &event) == 0)
		control->watched = wanted;
}

int64_t
control_wakeup(const struct server *server)
{
	const struct control *control = &server->control;
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
control_close(struct server *server)
{
	struct control *control = &server->control;
	struct control_peer *peer = control->peers;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state != CONTROL_FREE)
			peer_end(server, peer);
	if (control->fd != -1)
		close(control->fd);
	control->fd = -1;
}
