/* Decides about a client behind a proxy, once its child has said whom its PROXY
 * header declares. */
#include "config.h"

#include "master/clients/declare.h"

#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <signal.h>

#include "master/clients/answer.h"
#include "master/clients/gate.h"
#include "master/clients/proxy.h"
#include "master/clients/refuse.h"
#include "master/clients/service.h"
#include "master/system/child.h"
#include "shared/plan.h"

/* The child is told to exit: it might wait for ever for a pair that is only
 * closed, of which an upgrade's trial may have a copy. */
static void
dismiss(struct service *service, struct client *client,
    enum client_proxied proxied)
{
	shutdown(client->pair, SHUT_RDWR);
	proxy_release(service, client);
	client->proxied = (uint8_t)proxied;
}

/* What no honest child says, no matter what its client has sent. */
static bool
has_sense(const struct plan_declared *declared)
{
	const struct addr *client = &declared->client;
	const struct addr *server = &declared->server;

	return declared->length >= PLAN_PROXY_HEADER_MIN &&
	    declared->length <= PLAN_PROXY_HEADER_MAX &&
	    client->family == server->family &&
	    (client->family == AF_UNSPEC || addr_is_sound(client)) &&
	    (server->family == AF_UNSPEC || addr_is_sound(server));
}

/* The proxy's own connection, or one of which it does not say whose: there is
 * nobody whom limits could be about. */
static bool
let_in_unnamed(struct client *client)
{
	client->unnamed = client->quiet = true;
	return true;
}

/* The header of the proxy's own connection may have its addresses, too: HAProxy's
 * checks by version 1 do.  Nobody else can have that port.  A header has no
 * scope. */
static bool
is_unnamed(const struct client *client, const struct plan_declared *declared)
{
	struct addr named = declared->client;

	addr_unmap(&named);
	named.scope = client->peer.scope;
	return named.family == AF_UNSPEC || addr_equal(&named, &client->peer);
}

/* From now on it is whom its header declares. */
static bool
let_in(struct service *service, struct client *client,
    const struct plan_declared *declared, enum refusal *why, int64_t now)
{
	*why = REFUSAL_NO_RESOURCES;
	if (service->counters.rows[client->row].session == -1)
		return false; /* its listener has gone */
	client->header = declared->length;
	if (is_unnamed(client, declared))
		return let_in_unnamed(client);
	client->proxy = client->peer;
	client->peer = declared->client;
	client->local = declared->server;
	addr_unmap(&client->peer);
	addr_unmap(&client->local);
	return gate_decide(service, client, NULL, why, now);
}

/* Tells the child what to send.  When that fails the child is gone, and will be
 * reaped; or memory is short, and another one is to serve. */
static void
go(struct service *service, struct client *client)
{
	struct answer answer;
	struct plan_go head;
	struct iovec parts[2];
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };

	answer_greeting(&answer, service, client);
	answer_note(service, client, &answer);
	head = (struct plan_go) { answer.session, (uint32_t)answer.head };
	parts[0] = (struct iovec) { &head, sizeof(head) };
	parts[1] = (struct iovec) { answer.bytes, answer.length };
	if (sendmsg(client->pair, &message, MSG_DONTWAIT | MSG_NOSIGNAL) ==
	    -1) {
		dismiss(service, client, PROXIED_AGAIN);
		return;
	}
	proxy_release(service, client);
	client->proxied = PROXIED_KNOWN;
}

static void
judge(struct service *service, struct client *client,
    const struct plan_declared *declared, int64_t now)
{
	enum refusal why;

	if (!let_in(service, client, declared, &why, now)) {
		client->why = (uint8_t)why;
		dismiss(service, client, PROXIED_REFUSED);
	} else if (client->plan == service->setup->snapshot.serial) {
		go(service, client);
	} else {
		dismiss(service, client, PROXIED_AGAIN);
	}
}

/* It has been taken over: its spawner's layout is known to somebody. */
static void
convict(struct service *service, struct client *client)
{
	dismiss(service, client, PROXIED_LIED);
	child_signal(client->pid, SIGKILL);
}

void
declare_event(struct service *service, uint32_t slot, int64_t now)
{
	struct client *client = &service->clients.slots[slot];
	struct plan_declared declared;
	ssize_t n;

	if (client->pair == -1)
		return; /* an event from before in the same turn */
	n = recv(client->pair, &declared, sizeof(declared),
	    MSG_DONTWAIT | MSG_TRUNC);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(declared) && has_sense(&declared))
		judge(service, client, &declared, now);
	else if (n <= 0) /* its child has ended, and will be reaped */
		proxy_unwatch(service, client);
	else
		convict(service, client);
}

bool
declare_goes_on(struct service *service, uint32_t slot, enum outcome outcome,
    int64_t now)
{
	struct client *client = &service->clients.slots[slot];

	if (client->proxied == PROXIED_REFUSED) {
		service->counters.cpu_us += (uint64_t)client->cpu_us;
		refuse(service, slot, (enum refusal)client->why, now);
		return true;
	}
	if (client->proxied != PROXIED_AGAIN ||
	    outcome != OUTCOME_PROXY_ERROR)
		return false;
	client->proxied = PROXIED_KNOWN;
	service->counters.cpu_us += (uint64_t)client->cpu_us;
	clients_move(&service->clients, slot, CLIENT_WAITING);
	service->handed_at = now;
	return true;
}
