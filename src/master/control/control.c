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
#include "master/control/door.h"
#include "master/control/peer.h"
#include "master/control/result_text.h"
#include "master/control/request.h"
#include "master/system/log.h"

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

void
control_peer_event(
    struct control *control, uint32_t index, uint32_t events, int64_t now)
{
	struct control_peer *peer = &control->peers[index];

	switch (peer->state) {
	case CONTROL_FREE:
	case CONTROL_BEGINNING:
	case CONTROL_ASKED:
		break;
	case CONTROL_READING:
		request_read(control, peer, now);
		break;
	case CONTROL_WAITING:
		if ((events & (EPOLLHUP | EPOLLERR)) != 0)
			peer_end(control, peer);
		break;
	case CONTROL_SENDING:
		peer_is_writable(control, peer, now);
		break;
	}
}

void
control_reload_begun(struct control *control)
{
	control->reload_wanted = false;
	control->reloads++;
}

/* Is it one that waits for this, the number of which is done? */
static bool
waits(const struct control_peer *peer, bool for_upgrade, uint64_t done)
{
	return peer->state == CONTROL_WAITING &&
	    peer->for_upgrade == for_upgrade && peer->ticket <= done;
}

void
control_reloaded(struct control *control, enum control_status status,
    const struct report *report, int64_t now)
{
	struct control_peer *peer = control->peers;
	char *out, *err;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++) {
		if (!waits(peer, false, control->reloads))
			continue;
		out = result_reload(
		    control->overview, report, status, peer->json);
		err = result_report(report);
		peer_answer(control, peer, status, out, err, now);
		free(out);
		free(err);
	}
}

void
control_upgrade_begun(struct control *control)
{
	control->upgrade_wanted = false;
	control->upgrades++;
}

void
control_upgraded(struct control *control, enum control_status status,
    const struct report *report, const char *was, int64_t now)
{
	struct control_peer *peer = control->peers;
	char *out, *err;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++) {
		if (!waits(peer, true, control->upgrades))
			continue;
		out = result_upgrade(
		    control->overview, report, status, was, peer->json);
		err = result_report(report);
		peer_answer(control, peer, status, out, err, now);
		free(out);
		free(err);
	}
}

static void
refuse_all(struct control *control, bool for_upgrade, const char *why,
    int64_t now)
{
	struct control_peer *peer = control->peers;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (waits(peer, for_upgrade, UINT64_MAX))
			peer_refuse(control, peer, CONTROL_REFUSED, why, now);
}

void
control_cancelled(struct control *control, const char *why, int64_t now)
{
	refuse_all(control, false, why, now);
}

void
control_stop(struct control *control, const char *why, int64_t now)
{
	control->reload_wanted = control->upgrade_wanted = false;
	control->closed_why = why;
	refuse_all(control, false, why, now);
	refuse_all(control, true, why, now);
}

/* ------------------------------------------------------------------------ turns */

/* Is there an answer, or a piece of one, to be made for it? */
static bool
waits_its_turn(const struct control_peer *peer)
{
	return peer->state == CONTROL_ASKED ||
	    (peer->state == CONTROL_SENDING && peer->writable);
}

/* Each at most once, the one after the last one first. */
static void
take_turns(struct control *control, int64_t now)
{
	struct control_peer *peer;
	uint32_t first = control->next, i;

	control->made = 0;
	for (i = 0; i < CONTROL_PEERS_MAX &&
	     control->made < CONTROL_TURN_BYTES; i++) {
		peer = &control->peers[(first + i) % CONTROL_PEERS_MAX];
		if (!waits_its_turn(peer))
			continue;
		control->next = (first + i + 1) % CONTROL_PEERS_MAX;
		if (peer->state == CONTROL_ASKED)
			request_run(control, peer, now);
		else
			peer_go_on(control, peer, now);
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
		door_open(control, now);
	control->knocked = false;
	take_turns(control, now);
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
			next = clock_earlier(next, waits_its_turn(peer) ?
				0 : peer->deadline);
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
