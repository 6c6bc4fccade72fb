/* The control socket's other end. */
#include "config.h"

#include "master/control/control.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/control/credentials.h"
#include "master/control/door.h"
#include "master/control/log_level.h"
#include "master/control/peer.h"
#include "master/control/reload_text.h"
#include "master/control/verbs.h"
#include "master/system/log_event.h"


int
control_init(struct control *control, int epoll, int fd,
    const struct control_group *group, const struct overview *overview,
    const struct control_actions *actions)
{
	struct epoll_event quiet = event_make(0, EVENT_CONTROL, 0);

	*control = (struct control) {
		.epoll = epoll, .fd = fd, .group = group,
		.overview = overview, .actions = actions };
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
		peer_refuse(control, peer, CONTROL_REFUSED, refusal, now);
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

/* In the log whatever its level is now: it explains why lines are missing. */
static void
say_log_level(const struct control_peer *peer, int was)
{
	log_event(LOG_NOTICE | LOG_ASKED, "log_level",
	    LOG_WORD("level", log_level_name(log_level())),
	    LOG_WORD("was", log_level_name(was)),
	    LOG_SIGNED("uid", (int)peer->who.uid),
	    LOG_SIGNED("pid", (int)peer->who.pid));
}

void
control_peer_deny(struct control *control, struct control_peer *peer,
    const char *verb, int64_t now)
{
	credentials_denied(&peer->who, verb, &control->denials, now);
	peer_refuse(control, peer, CONTROL_DENIED,
	    verb == NULL ? "control: not allowed: root may, and the user that "
			   "the daemon runs as" :
			   "control: this verb is not for members of "
			   "control_group, root may, and the user that the "
			   "daemon runs as",
	    now);
}

/* length bytes of the peer's request are one line, with a NUL in place of its
 * newline. */
static void
request_take(struct control *control, struct control_peer *peer, size_t length,
    int64_t now)
{
	struct verb_result result;

	verbs_run(&result, peer->request, length, peer->rights,
	    control->overview, control->actions, now);
	peer->json = result.json;
	if (result.log_level)
		say_log_level(peer, result.old_log_level);
	if (result.denied != NULL)
		control_peer_deny(control, peer, result.denied, now);
	else if (result.refusal != NULL)
		peer_refuse(control, peer, CONTROL_USAGE, result.refusal, now);
	else if (result.reload)
		reload_want(control, peer, now);
	else if (result.list)
		peer_list(control, peer, &result.rows, now);
	else if (result.failed)
		peer_refuse(control, peer, CONTROL_REFUSED, result.text, now);
	else
		peer_answer(control, peer, CONTROL_OK, result.text, "", now);
	free(result.text);
}

void
control_peer_read(struct control *control, struct control_peer *peer, int64_t now)
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
		peer_refuse(control, peer, CONTROL_USAGE, "control: request too long",
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
	case CONTROL_BEGINNING:
		break;
	case CONTROL_READING:
		control_peer_read(control, peer, now);
		break;
	case CONTROL_WAITING:
		if ((events & (EPOLLHUP | EPOLLERR)) != 0)
			peer_end(control, peer);
		break;
	case CONTROL_SENDING:
		peer_go_on(control, peer, now);
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
		peer_answer(control, peer, status, out, err, now);
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
			peer_refuse(control, peer, CONTROL_REFUSED, why, now);
}

void
control_stop(struct control *control, const char *why, int64_t now)
{
	control->reload_wanted = false;
	control->closed_why = why;
	control_cancelled(control, why, now);
}

/* ------------------------------------------------------------------------ turns */

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
		door_open(control, now);
	control->knocked = false;
}

void
control_resume(struct control *control, int64_t now)
{
	struct epoll_event event;
	bool wanted;

	if (control->fd == -1 || !control->is_open)
		return;
	wanted = control->accept_at == 0 && door_place(control, now) != NULL;
	if (wanted == control->watched)
		return;
	event = event_make(wanted ? EPOLLIN : 0, EVENT_CONTROL, 0);
	if (epoll_ctl(control->epoll, EPOLL_CTL_MOD, control->fd, &event) == 0)
		control->watched = wanted;
}

/* True when nobody is accepted for want of a place. */
static bool
is_full(const struct control *control)
{
	return control->fd != -1 && control->is_open && !control->watched &&
	    control->accept_at == 0;
}

int64_t
control_wakeup(const struct control *control)
{
	const struct control_peer *peer = control->peers;
	int64_t next = CLOCK_NEVER;

	if (control->accept_at != 0)
		next = control->accept_at;
	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state != CONTROL_FREE)
			next = clock_earlier(next, peer->deadline);
	if (is_full(control))
		next = clock_earlier(next, door_wakeup(control));
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
