/* Accepting clients. */
#include "config.h"

#include "master/clients/accept.h"

#include <sys/socket.h>

#include <assert.h>
#include <errno.h>

#include "master/clients/full.h"
#include "master/clients/gate.h"
#include "master/clients/hand_over.h"
#include "master/clients/proxy.h"
#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/clock.h"

/* How many clients of one listener are accepted before the next listener's
 * turn. */
#define ACCEPT_BATCH 16

static const struct conf_listener *
group_of(const struct service *service, const struct listener *listener)
{
	return &service->setup->conf->listener[listener->group];
}

/* True when a client could be accepted and handed over, limits aside. */
static bool
is_open(const struct service *service)
{
	return service->is_open && !backoff_waits(&service->accepting) &&
	    !backoff_waits(&service->forking) &&
	    service->clients.list[CLIENT_WAITING].count == 0 &&
	    spawners_can_take(service->generation->spawners);
}

bool
accept_queues(const struct service *service, const struct listener *listener,
    const struct conf_limits *full)
{
	return full != NULL &&
	    group_of(service, listener)->limits.when_full == CONF_FULL_QUEUE;
}

/* The listener's limits when no further client may wait for its PROXY header
 * there, or NULL. */
static const struct conf_limits *
undeclared_full(const struct service *service, const struct listener *listener)
{
	const struct conf_listener *group = group_of(service, listener);

	return proxy_is_full(service, group) ? &group->limits : NULL;
}

/* True when a client of this listener would be let in or refused. */
static bool
is_wanted(const struct service *service, const struct listener *listener)
{
	return !accept_queues(
		   service, listener, gate_full(service, listener)) &&
	    !accept_queues(
		service, listener, undeclared_full(service, listener));
}

static void
unmute(struct service *service)
{
	const struct listener *listener = service->setup->listeners.list;
	uint32_t i;

	service->watch.any_muted = false;
	for (i = 0; i < service->setup->listeners.n; i++, listener++)
		if (listener->muted && is_wanted(service, listener))
			watch_poll(&service->watch, i);
		else if (listener->muted)
			service->watch.any_muted = true;
}

/* The kernel passes on errors of the connection that was to be accepted, see
 * accept(2), "Error handling"; the next one may be fine.  EINVAL: the listener
 * is lost, and watch_event() will be told so. */
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

void
accept_note(const struct service *service, struct client *client,
    const struct listener *listener, int64_t now)
{
	const struct conf_listener *group = group_of(service, listener);
	const struct listener_state *state = &service->states[listener->group];

	client->row = listener->row;
	client->log = (uint8_t)group->log.clients;
	client->state = (uint8_t)state->state;
	client->weight = (int8_t)state->weight;
	client->until = state->until;
	client->accepted = now;
	client->expires = now + group->timeouts.session_ms * CLOCK_MS;
}

/* Who connected, as the kernel has it since then: that process may have gone.  One
 * of another PID namespace has none here, 0. */
static void
note_peer(struct client *client)
{
	struct ucred who = { .uid = (uid_t)-1 };
	socklen_t length = sizeof(who);

	getsockopt(client->fd, SOL_SOCKET, SO_PEERCRED, &who, &length);
	client->peer = addr_of_peer(
	    who.uid, who.pid > 0 ? (uint32_t)who.pid : 0);
	client->local = (struct addr) { .family = AF_UNSPEC };
}

static void
note_addresses(struct client *client, const struct listener *listener,
    const struct sockaddr_storage *peer)
{
	struct sockaddr_storage local;
	socklen_t length = sizeof(local);

	if (listener_is_unix(listener)) {
		note_peer(client);
		return;
	}
	addr_from_sockaddr(&client->peer, peer);
	client->local = listener->bound;
	if (addr_is_any(&listener->bound) &&
	    getsockname(client->fd, (struct sockaddr *)&local, &length) == 0)
		addr_from_sockaddr(&client->local, &local);
}

/* Accepts one client.  Returns 0, or the error of accept(2). */
static int
accept_one(struct service *service, const struct listener *listener,
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
	backoff_succeed(&service->accepting);
	slot = clients_add(&service->clients);
	assert(slot != CLIENT_NONE); /* one more slot than max_clients */
	client = &service->clients.slots[slot];
	client->fd = fd;
	accept_note(service, client, listener, now);
	note_addresses(client, listener, &peer);
	counters_accept(&service->counters, listener->row);
	if (gate_pass(service, slot, full, now) &&
	    !hand_over(service, slot, now))
		clients_move(&service->clients, slot, CLIENT_WAITING);
	return 0;
}

/* Decides what to do about an error, the failed-th in this turn.  True: go on
 * with the next client.  When a whole batch fails, it is not the connections'
 * own error. */
static bool
is_passing(struct service *service, int error, int failed, int64_t now)
{
	if (error == EAGAIN)
		return false;
	if (failed < ACCEPT_BATCH && is_connections_own(error))
		return true;
	counters_accept_failed(&service->counters, error);
	/* Refused clients have had their text; this one has had nothing. */
	if (failed < ACCEPT_BATCH && linger_give_up(&service->linger))
		return true;
	backoff_fail(&service->accepting, "accept", error, now);
	return false;
}

/* Returns true when a client was accepted. */
static bool
accept_from(struct service *service, uint32_t index, int64_t now)
{
	const struct listener *listener =
	    &service->setup->listeners.list[index];
	const struct conf_limits *full;
	int i, error, failed = 0;

	for (i = 0; i < ACCEPT_BATCH; i++) {
		full = gate_full(service, listener);
		if (full != NULL)
			full_note(service, listener, full);
		else if ((full = undeclared_full(service, listener)) != NULL)
			full_note_undeclared(service, listener);
		if (accept_queues(service, listener, full) ||
		    !is_open(service)) {
			watch_mute(&service->watch, index);
			break;
		}
		error = accept_one(service, listener, full, now);
		if (error != 0 && !is_passing(service, error, ++failed, now))
			return i + 1 > failed;
	}
	return i > failed;
}

void
accept_step(struct service *service, int64_t now)
{
	struct watch *watch = &service->watch;
	uint32_t n = (uint32_t)service->setup->listeners.n, i, index;
	uint32_t first = watch->first;

	backoff_step(&service->accepting, now);
	for (i = 0; i < n && watch->n_readable > 0; i++) {
		index = (first + i) % n;
		if (watch_take(watch, index) && accept_from(service, index, now))
			watch->first = index + 1;
	}
}

void
accept_resume(struct service *service, int64_t now)
{
	full_step(service, now);
	if (service->watch.any_muted && is_open(service))
		unmute(service);
}

int64_t
accept_wakeup(const struct service *service)
{
	return clock_earlier(
	    service->accepting.until, full_wakeup(service));
}
