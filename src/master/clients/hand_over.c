/* Hands clients over to the spawner. */
#include "config.h"

#include "master/clients/hand_over.h"

#include <errno.h>

#include "master/clients/answer.h"
#include "master/clients/proxy.h"
#include "master/clients/reap.h"
#include "master/clients/refuse.h"
#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/clock.h"

/* How soon to look whether a spawner has cloned a child. */
#define LOOK (2 * CLOCK_MS)

/* Its child is to find out who it is first. */
static bool
proxied_order(struct service *service, uint32_t slot, struct order *order,
    int64_t now)
{
	if (proxy_order(service, slot, order))
		return true;
	backoff_fail(&service->forking, "socketpair", errno, now);
	return false;
}

static void
note(struct service *service, uint32_t slot, const struct answer *answer)
{
	struct client *client = &service->clients.slots[slot];

	answer_note(service, client, answer);
	client->generation = spawners_serving(service->generation->spawners);
	client->plan = service->setup->snapshot.serial;
}

bool
hand_over(struct service *service, uint32_t slot, int64_t now)
{
	struct spawners *spawners = service->generation->spawners;
	struct client *client = &service->clients.slots[slot];
	struct answer answer;
	struct order order;

	if (!spawners_can_take(spawners) || backoff_waits(&service->forking))
		return false;
	if (client->proxied == PROXIED_AWAITED)
		answer = (struct answer) { .session = client->session };
	else
		answer_greeting(&answer, service, client);
	order = (struct order) {
		.slot = slot,
		.session = answer.session,
		.fd = client->fd,
		.bytes = answer.bytes,
		.length = answer.length,
		.head = answer.head,
	};
	if (client->proxied == PROXIED_AWAITED &&
	    !proxied_order(service, slot, &order, now))
		return false;
	if (spawners_hand_over(spawners, &order, now) == -1) {
		/* EPIPE, ECONNRESET: it is dead, and about to be reaped. */
		if (errno != EPIPE && errno != ECONNRESET)
			backoff_fail(
			    &service->forking, "handing over", errno, now);
		return false;
	}
	clients_move(&service->clients, slot, CLIENT_HANDED);
	note(service, slot, &answer);
	service->handed_at = clock_earlier(service->handed_at, now + LOOK);
	return true;
}

/* It has no child, and waits again, before those who came later. */
static void
take_back(struct service *service, const struct handed *handed, int64_t now)
{
	clients_move(&service->clients, handed->slot, CLIENT_WAITING);
	if (handed->error == 0)
		return;
	service->counters.fork_failures++;
	backoff_fail(&service->forking, "clone", handed->error, now);
}

static void
take_child(struct service *service, const struct handed *handed)
{
	struct client *client = &service->clients.slots[handed->slot];

	backoff_succeed(&service->forking);
	client->pid = handed->pid;
	client->group = handed->group;
	proxy_cloned(service, handed->slot);
	clients_hint(&service->clients, handed->slot);
	clients_move(&service->clients, handed->slot, CLIENT_YOUNG);
	if (service->ending != 0) /* the others have theirs */
		reap_signal(service, handed->slot, service->ending);
}

/* What became of the clients that spawners have. */
static void
settle(struct service *service, int64_t now)
{
	struct spawners *spawners = service->generation->spawners;
	struct handed handed;

	while (spawners_next(spawners, now, &handed))
		if (handed.pid == 0)
			take_back(service, &handed, now);
		else
			take_child(service, &handed);
	service->handed_at =
	    spawners_are_busy(spawners) ? now + LOOK : CLOCK_NEVER;
}

/* True when the client cannot get a child any more: its time is over, or its
 * listener and so its greeting were removed when its spawner died, or that does
 * not read headers any more.  Or a spawner that lies has had the client refused,
 * and no child for it. */
static bool
is_too_late(const struct service *service, const struct client *client,
    enum refusal *why, int64_t now)
{
	int group = service->counters.rows[client->row].session;

	*why = client->proxied == PROXIED_REFUSED ?
	    (enum refusal)client->why : REFUSAL_NO_RESOURCES;
	return now >= client->expires || group == -1 ||
	    client->proxied >= PROXIED_REFUSED ||
	    (client->proxied == PROXIED_AWAITED &&
		!conf_is_proxied(&service->setup->conf->listener[group]));
}

/* Hands waiting clients over in order of arrival, or refuses them. */
static void
serve_waiting(struct service *service, int64_t now)
{
	const struct client *clients = service->clients.slots;
	uint32_t slot = service->clients.list[CLIENT_WAITING].head, next;
	enum refusal why;

	for (; slot != CLIENT_NONE; slot = next) {
		next = clients[slot].next;
		if (is_too_late(service, &clients[slot], &why, now))
			refuse(service, slot, why, now);
		else
			hand_over(service, slot, now);
	}
}

void
hand_over_step(struct service *service, int64_t now)
{
	backoff_step(&service->forking, now);
	settle(service, now);
	serve_waiting(service, now);
}

int64_t
hand_over_wakeup(const struct service *service)
{
	const struct client *clients = service->clients.slots;
	uint32_t slot = service->clients.list[CLIENT_WAITING].head;
	int64_t when =
	    clock_earlier(service->handed_at, service->forking.until);

	for (; slot != CLIENT_NONE; slot = clients[slot].next)
		when = clock_earlier(when, clients[slot].expires);
	return when;
}
