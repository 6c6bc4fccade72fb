/* Clients behind a proxy that are not declared yet. */
#include "config.h"

#include "master/clients/proxy.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <signal.h>
#include <unistd.h>

#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/config/resources.h"
#include "master/generations/spawners.h"
#include "master/system/child.h"
#include "master/system/events.h"
#include "shared/descriptors.h"

bool
proxy_is_full(
    const struct service *service, const struct conf_listener *conf)
{
	return conf_is_proxied(conf) &&
	    service->awaited >= resources_awaited(service->setup->conf);
}

bool
proxy_admit(struct service *service, struct client *client)
{
	int group = service->counters.rows[client->row].session;
	const struct conf_listener *conf =
	    &service->setup->conf->listener[group];

	if (admit_net(&service->admit, conf->proxy.trusted, &client->peer) ==
	    NULL)
		return false;
	client->proxied = PROXIED_AWAITED;
	service->awaited++;
	return true;
}

/* Both ends are kept until there is a child that has its own: a spawner may die
 * before, and the next one gets the same. */
static bool
pair_make(struct service *service, uint32_t slot)
{
	struct client *client = &service->clients.slots[slot];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) == -1)
		return false;
	if (event_add(service->epoll, pair[0], EVENT_PROXY, slot) == -1) {
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	client->pair = pair[0];
	client->pair_child = pair[1];
	return true;
}

bool
proxy_order(struct service *service, uint32_t slot, struct order *order)
{
	struct client *client = &service->clients.slots[slot];

	if (client->pair == -1 && !pair_make(service, slot))
		return false;
	order->proxied = true;
	order->pair = client->pair_child;
	return true;
}

void
proxy_cloned(const struct service *service, uint32_t slot)
{
	struct client *client = &service->clients.slots[slot];

	descriptor_close(&client->pair_child);
	if (client->proxied == PROXIED_LIED) /* before it was known */
		child_signal(client->pid, SIGKILL);
}

/* Explicitly: it stays in the set as long as anybody has a copy. */
void
proxy_unwatch(const struct service *service, const struct client *client)
{
	if (client->pair != -1)
		epoll_ctl(service->epoll, EPOLL_CTL_DEL, client->pair, NULL);
}

void
proxy_release(struct service *service, struct client *client)
{
	if (client->proxied == PROXIED_AWAITED) {
		service->awaited--;
		client->proxied = PROXIED_NOT;
	}
	proxy_unwatch(service, client);
	descriptor_close(&client->pair);
	descriptor_close(&client->pair_child);
}

enum outcome
proxy_outcome(const struct client *client, enum outcome outcome)
{
	switch ((enum client_proxied)client->proxied) {
	case PROXIED_LIED:
		return OUTCOME_CRASHED;
	case PROXIED_AWAITED: /* nobody has told it what to send */
		return outcome == OUTCOME_GREETED ||
			outcome == OUTCOME_SEND_TIMEOUT ||
			outcome == OUTCOME_BAD_REQUEST ||
			outcome == OUTCOME_REQUEST_TIMEOUT ?
		    OUTCOME_CRASHED : outcome;
	case PROXIED_NOT:
	case PROXIED_KNOWN:
		return outcome == OUTCOME_PROXY_ERROR ? OUTCOME_CRASHED :
							outcome;
	case PROXIED_AGAIN: /* its end was wanted, but that of the client? */
		if (outcome == OUTCOME_PROXY_ERROR &&
		    client->ending == ENDING_SHUTDOWN)
			return OUTCOME_KILLED;
		if (outcome == OUTCOME_PROXY_ERROR &&
		    client->ending == ENDING_DEADLINE)
			return OUTCOME_SESSION_TIMEOUT;
		break;
	case PROXIED_REFUSED:
		break;
	}
	return outcome;
}
