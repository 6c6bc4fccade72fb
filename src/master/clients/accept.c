/* From accept(2) to the spawner. */
#include "config.h"

#include "master/clients/accept.h"

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/clients/full.h"
#include "master/clients/gate.h"
#include "master/clients/refuse.h"
#include "master/clients/reap.h"
#include "master/server.h"

/* Clients of one listener taken in before the others get their turn. */
#define ACCEPT_BATCH 16
/* How soon to look whether a spawner has cloned. */
#define HANDED_LOOK_MS 2

static const struct conf_listener *
group_of(const struct server *server, const struct listener *listener)
{
	return &server->conf->listener[listener->group];
}

/* ------------------------------------------------------------------- handing over */

/* Gives a waiting client to the spawner.  False when none can be given now. */
static bool
hand_over(struct server *server, uint32_t slot, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	const struct plan_session *session =
	    &server->snapshot.plan->session[client->session];

	if (!spawners_can_take(&server->spawners) ||
	    backoff_waits(&server->forking, now))
		return false;
	if (spawners_hand_over(&server->spawners, slot, client->fd,
		client->session, now) == -1) {
		/* EPIPE, ECONNRESET: it is dead, and about to be reaped. */
		if (errno != EPIPE && errno != ECONNRESET)
			backoff_fail(
			    &server->forking, "handing over", errno, now);
		return false;
	}
	client->state = CLIENT_HANDED;
	client->greeting_length = session->greeting_length;
	client->send_ms = session->send_ms;
	client->linger_ms = session->linger_ms;
	client->generation = spawners_generation(&server->spawners);
	return true;
}

static void
wait_in_line(struct server *server, uint32_t slot)
{
	server->clients.slots[slot].state = CLIENT_WAITING;
	clients_push(&server->clients, &server->clients.waiting, slot);
}

/* What became of the clients that spawners have. */
static void
settle(struct server *server, int64_t now)
{
	struct client *client;
	struct handed handed;

	while (spawners_next(&server->spawners, now, &handed)) {
		client = &server->clients.slots[handed.slot];
		if (handed.pid == 0) {
			wait_in_line(server, handed.slot);
			if (handed.error != 0) {
				server->stats.fork_failures++;
				backoff_fail(&server->forking, "clone",
				    handed.error, now);
			}
			continue;
		}
		backoff_succeed(&server->forking, "clone");
		client->pid = handed.pid;
		client->state = CLIENT_YOUNG;
		clients_hint(&server->clients, handed.slot);
		clients_push(
		    &server->clients, &server->clients.young, handed.slot);
		if (server->stop > STOP_DRAIN) /* the others got theirs */
			reaper_signal(server, handed.slot,
			    server->stop == STOP_KILL ? SIGKILL : SIGTERM);
	}
}

/* True when the client can have no child any more: its time is over, or its
 * listener went, and with it its greeting, while its spawner died. */
static bool
is_too_late(
    const struct server *server, const struct client *client, int64_t now)
{
	return now >= client->expires ||
	    server->stats.rows[client->row].session == -1;
}

/* Those who wait: handed over in the order of their coming, or refused. */
static void
serve_waiting(struct server *server, int64_t now)
{
	struct client_list *waiting = &server->clients.waiting;
	uint32_t slot, next;

	for (slot = waiting->head; slot != CLIENT_NONE; slot = next) {
		next = server->clients.slots[slot].next;
		if (is_too_late(server, &server->clients.slots[slot], now)) {
			clients_unlink(&server->clients, waiting, slot);
			refuse(server, slot, REFUSAL_NO_RESOURCES, now);
		} else if (hand_over(server, slot, now)) {
			clients_unlink(&server->clients, waiting, slot);
		}
	}
}

/* ----------------------------------------------------------------------- accepting */

/* True when a client could be accepted and handed over, limits aside. */
static bool
is_open(const struct server *server, int64_t now)
{
	return server->stop == STOP_NOT && server->ready &&
	    !backoff_waits(&server->accepting, now) &&
	    !backoff_waits(&server->forking, now) &&
	    server->clients.waiting.count == 0 &&
	    spawners_can_take(&server->spawners);
}

/* True when a client of this listener would be taken in, or refused. */
static bool
is_wanted(const struct server *server, const struct listener *listener)
{
	return group_of(server, listener)->limits.when_full ==
		CONF_FULL_REFUSE || gate_full(server, listener) == NULL;
}

static void
unmute(struct server *server)
{
	const struct listener *listener = server->listeners.list;
	uint32_t i;

	server->watch.any_muted = false;
	for (i = 0; i < server->listeners.n; i++, listener++)
		if (listener->muted && is_wanted(server, listener))
			watch_poll(server, i);
		else if (listener->muted)
			server->watch.any_muted = true;
}

/* The kernel passes on errors of the connection that was to be accepted,
 * accept(2) "Error handling"; the next one may be fine.  EINVAL: the listener is
 * lost, watch_event() is about to hear of it. */
static bool
is_connections_own(int error)
{
	switch (error) {
	case ECONNABORTED:
	case EINTR:
	case EINVAL:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENOPROTOOPT:
	case EHOSTDOWN:
	case ENONET:
	case EHOSTUNREACH:
	case EOPNOTSUPP:
	case ENETUNREACH:
	case ETIMEDOUT:
		return true;
	default:
		return false;
	}
}

static void
fill(struct server *server, struct client *client,
    const struct listener *listener, const struct sockaddr_storage *peer,
    int64_t now)
{
	const struct conf_listener *group = group_of(server, listener);
	const struct plan_session *session =
	    &server->snapshot.plan->session[listener->group];
	struct sockaddr_storage local;
	socklen_t length = sizeof(local);

	addr_from_sockaddr(&client->peer, peer);
	client->local = listener->bound;
	if (addr_is_any(&listener->bound) &&
	    getsockname(client->fd, (struct sockaddr *)&local, &length) == 0)
		addr_from_sockaddr(&client->local, &local);
	client->log = (uint8_t)group->log.clients;
	client->accepted = now;
	client->expires = now + session->session_ms * CLOCK_MS;
}

/* Accepts one client.  Returns 0, or the error of accept(2). */
static int
accept_one(struct server *server, const struct listener *listener,
    const struct conf_limits *full, int64_t now)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	struct client *client;
	uint32_t slot;
	int fd = accept4(
	    listener->fd, (struct sockaddr *)&peer, &length, SOCK_CLOEXEC);

	if (fd == -1)
		return errno;
	backoff_succeed(&server->accepting, "accept");
	slot = clients_add(&server->clients);
	assert(slot != CLIENT_NONE); /* one more slot than max_clients */
	client = &server->clients.slots[slot];
	client->fd = fd;
	client->row = listener->row;
	fill(server, client, listener, &peer, now);
	stats_accept(&server->stats, listener->row);
	if (gate_pass(server, slot, full, now) &&
	    !hand_over(server, slot, now))
		wait_in_line(server, slot);
	return 0;
}

/* What to do about an error, the failed-th in this turn.  True: go on with the
 * next client.  A batch of nothing else is no connection's own error. */
static bool
is_passing(struct server *server, int error, int failed, int64_t now)
{
	if (error == EAGAIN)
		return false;
	if (failed < ACCEPT_BATCH && is_connections_own(error))
		return true;
	server->stats.accept_failures++;
	/* Who was refused has had its text; this one has nothing. */
	if (failed < ACCEPT_BATCH && linger_give_up(&server->linger))
		return true;
	backoff_fail(&server->accepting, "accept", error, now);
	return false;
}

/* True when some client was accepted. */
static bool
accept_from(struct server *server, uint32_t index, int64_t now)
{
	const struct listener *listener = &server->listeners.list[index];
	const struct conf_listener *group = group_of(server, listener);
	const struct conf_limits *full;
	int i, error, failed = 0;

	for (i = 0; i < ACCEPT_BATCH; i++) {
		full = gate_full(server, listener);
		if (full != NULL)
			full_note(server, listener, full);
		if ((full != NULL && group->limits.when_full == CONF_FULL_QUEUE) ||
		    !is_open(server, now)) {
			watch_mute(server, index);
			break;
		}
		error = accept_one(server, listener, full, now);
		if (error != 0 && !is_passing(server, error, ++failed, now))
			return i + 1 > failed;
	}
	return i > failed;
}

void
intake_accept(struct server *server, int64_t now)
{
	uint32_t n = (uint32_t)server->listeners.n, first = server->watch.first;
	uint32_t i, index;

	for (i = 0; i < n && server->watch.n_readable > 0; i++) {
		index = (first + i) % n;
		if (watch_take(server, index) && accept_from(server, index, now))
			server->watch.first = index + 1;
	}
}

void
intake_step(struct server *server, int64_t now)
{
	settle(server, now);
	if (server->clients.waiting.count > 0)
		serve_waiting(server, now);
}

void
intake_resume(struct server *server, int64_t now)
{
	full_step(server, now);
	if (server->watch.any_muted && is_open(server, now))
		unmute(server);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

int64_t
intake_wakeup(const struct server *server, int64_t now)
{
	const struct clients *clients = &server->clients;
	int64_t when = CLOCK_NEVER;
	uint32_t slot;

	if (spawners_are_busy(&server->spawners))
		when = now + HANDED_LOOK_MS * CLOCK_MS;
	if (server->full.said)
		when = earlier(when, server->full.over_at);
	if (backoff_waits(&server->accepting, now))
		when = earlier(when, server->accepting.until);
	if (backoff_waits(&server->forking, now))
		when = earlier(when, server->forking.until);
	for (slot = clients->waiting.head; slot != CLIENT_NONE;
	     slot = clients->slots[slot].next)
		when = earlier(when, clients->slots[slot].expires);
	return when;
}
