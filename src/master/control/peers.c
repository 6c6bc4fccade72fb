/* Carrying connections to the control socket over an exec. */
#include "config.h"

#include "master/control/peers.h"

#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include "master/control/peer.h"
#include "master/control/places.h"
#include "master/system/events.h"
#include "master/system/pack.h"

static const struct pack_field peer_fields[] = {
	PACK_FIELD(control_peer, state),
	PACK_FIELD(control_peer, fd),
	PACK_FIELD(control_peer, deadline),
	PACK_FIELD(control_peer, who),
	PACK_FIELD(control_peer, rights),
	PACK_FIELD(control_peer, for_upgrade),
	PACK_FIELD(control_peer, ticket),
	PACK_FIELD(control_peer, json),
	PACK_FIELD(control_peer, have),
	PACK_FIELD(control_peer, line),
	PACK_FIELD(control_peer, request),
	PACK_FIELD(control_peer, moved),
};
static const struct pack_table peer_table = PACK_TABLE("peers", peer_fields);

/* What they wait for. */
static const struct pack_field control_fields[] = {
	PACK_FIELD(control, reload_wanted),
	PACK_FIELD(control, reloads),
	PACK_FIELD(control, upgrade_wanted),
	PACK_FIELD(control, upgrades),
};
static const struct pack_table control_table =
    PACK_TABLE("control", control_fields);

/* Numbers that another program reads: who changes one gives its field another
 * name. */
_Static_assert(CONTROL_READING == 2 && CONTROL_ASKED == 3 &&
	CONTROL_WAITING == 4, "state");

static bool
is_carried(const struct control_peer *peer)
{
	return peer->state == CONTROL_READING ||
	    peer->state == CONTROL_ASKED || peer->state == CONTROL_WAITING;
}

void
peers_pack(struct pack *pack, const struct control *control)
{
	const struct control_peer *peer = control->peers;

	pack_table(pack, &control_table);
	pack_row(pack, &control_table, control);
	pack_table(pack, &peer_table);
	for (; peer < control->peers + CONTROL_PEERS_MAX; peer++) {
		if (!is_carried(peer))
			continue;
		pack_row(pack, &peer_table, peer);
		pack_fd(pack, peer->fd);
	}
}

static bool
is_sound(const struct control_peer *peer)
{
	return is_carried(peer) && peer->fd >= 0 &&
	    peer->have <= sizeof(peer->request) &&
	    peer->line < sizeof(peer->request) && peer->rights <= RIGHTS_ALL;
}

static void
add(struct control *control, struct control_peer *place,
    const struct control_peer *carried)
{
	*place = *carried;
	if (event_add(control->epoll, place->fd, EVENT_CONTROL_PEER,
		(uint32_t)(place - control->peers)) == -1)
		peer_end(control, place);
	else if (place->state == CONTROL_WAITING)
		peer_watch(control, place, 0);
}

void
peers_unpack(const struct unpack *unpack, struct control *control)
{
	size_t i, n = unpack_count(unpack, &peer_table);
	struct control_peer carried;

	if (control->fd == -1)
		return;
	unpack_row(unpack, &control_table, 0, control);
	for (i = 0; i < n && i < CONTROL_PEERS_MAX; i++) {
		memset(&carried, 0, sizeof(carried));
		carried.fd = -1;
		unpack_row(unpack, &peer_table, i, &carried);
		if (is_sound(&carried))
			add(control, &control->peers[i], &carried);
		else if (carried.fd >= 0)
			close(carried.fd);
	}
}
