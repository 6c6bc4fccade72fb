/* Who gets one of the few places for connections to the control socket. */
#include "config.h"

#include "master/control/door.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "master/control/credentials.h"
#include "master/control/peer.h"
#include "master/control/places.h"
#include "master/control/request.h"
#include "master/system/clock.h"
#include "master/system/events.h"

#define ACCEPTS_MAX 4 /* a turn; more wait for the next */
#define ACCEPT_PAUSE CLOCK_SECOND
#define STALL (CONTROL_STALL_MS * CLOCK_MS)

/* True when it may lose its place to another: not who waits for us. */
static bool
is_idle(const struct control_peer *peer, int64_t now)
{
	return peer->state == CONTROL_READING ||
	    (peer->state == CONTROL_SENDING && !peer->writable &&
		now >= peer->moved + STALL);
}

/* Those who only look go first, then those who wait to be heard, then those who
 * have waited longest. */
static bool
goes_before(const struct control_peer *a, const struct control_peer *b)
{
	if (a->rights != b->rights)
		return a->rights < b->rights;
	if (a->state != b->state)
		return a->state < b->state;
	return a->moved < b->moved;
}

/* The idle peer that is to go first, of those with at most these rights; NULL. */
static struct control_peer *
idle_find(struct control *control, enum control_rights rights, int64_t now)
{
	struct control_peer *peer = control->peers, *found = NULL;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (is_idle(peer, now) && peer->rights <= rights &&
		    (found == NULL || goes_before(peer, found)))
			found = peer;
	return found;
}

struct control_peer *
door_place(struct control *control, int64_t now)
{
	struct control_peer *peer = control->peers;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state == CONTROL_FREE)
			return peer;
	return idle_find(control, RIGHTS_ALL, now);
}

int64_t
door_wakeup(const struct control *control)
{
	const struct control_peer *peer = control->peers;
	int64_t next = CLOCK_NEVER;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		if (peer->state == CONTROL_SENDING)
			next = clock_earlier(next, peer->moved + STALL);
	return next;
}

/* Members have some of the places; one too many takes that of another.  Returns
 * false when there is none. */
static bool
looker_fits(
    struct control *control, const struct control_peer *looker, int64_t now)
{
	struct control_peer *peer = control->peers;
	unsigned lookers = 0;

	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++)
		lookers += peer != looker && peer->state != CONTROL_FREE &&
		    peer->rights == RIGHTS_LOOK;
	if (lookers < CONTROL_LOOKERS_MAX)
		return true;
	peer = idle_find(control, RIGHTS_LOOK, now);
	if (peer == NULL)
		return false;
	peer_end(control, peer);
	return true;
}

/* Its rights are known. */
static void
peer_hear(struct control *control, struct control_peer *peer, int64_t now)
{
	if (peer->rights == RIGHTS_NONE) {
		request_deny(control, peer, NULL, now);
		return;
	}
	if (peer->rights == RIGHTS_LOOK && !looker_fits(control, peer, now)) {
		peer_refuse(control, peer, CONTROL_REFUSED,
		    "control: too many members of control_group ask at a time",
		    now);
		return;
	}
	peer->state = CONTROL_READING;
	request_read(control, peer, now);
}

/* fd has the place from now on. */
static void
peer_begin(
    struct control *control, struct control_peer *peer, int fd, int64_t now)
{
	if (peer->state != CONTROL_FREE)
		peer_end(control, peer);
	peer->state = CONTROL_BEGINNING;
	peer->fd = fd;
	peer->moved = now;
	peer->deadline = now + CONTROL_SECONDS * CLOCK_SECOND;
	peer->rights = credentials_find(&peer->who, fd, control->group);
	if (event_add(control->epoll, fd, EVENT_CONTROL_PEER,
		(uint32_t)(peer - control->peers)) == -1)
		peer_end(control, peer);
	else
		peer_hear(control, peer, now);
}

/* Without a place the others stay in the kernel's queue. */
void
door_open(struct control *control, int64_t now)
{
	struct control_peer *place;
	int fd, i;

	for (i = 0; i < ACCEPTS_MAX; i++) {
		place = door_place(control, now);
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
