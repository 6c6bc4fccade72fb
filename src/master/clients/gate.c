/* Lets clients in, or refuses them. */
#include "config.h"

#include "master/clients/gate.h"

#include "master/clients/admit.h"
#include "master/clients/proxy.h"
#include "master/clients/refuse.h"
#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/config/greetings.h"

/* It is being refused, once its child has ended: what its rule says is another
 * session now, or none. */
static void
restore_refused(
    const struct service *service, struct client *client, uint32_t group)
{
	client->own_text = client->own_text &&
	    admit_denial(
		&service->admit, group, &client->peer, &client->session);
}

static void
restore(struct service *service, struct client *client, int64_t now)
{
	int group = service->counters.rows[client->row].session;

	client->source = ADMIT_NO_SOURCE;
	if (group == -1) {
		client->own_text = false;
		return; /* its listener has gone: nobody competes with it */
	}
	client->session = greetings_index((uint32_t)group, STATE_READY);
	if (client->proxied == PROXIED_REFUSED) {
		restore_refused(service, client, (uint32_t)group);
		return; /* it holds no place */
	}
	if (client->proxied == PROXIED_AWAITED || client->unnamed)
		return; /* it is nobody's yet */
	if (client_lingers(client))
		return; /* it holds no place */
	client->source =
	    admit_restore(&service->admit, (uint32_t)group, &client->peer, now);
	client->session =
	    admit_session(&service->admit, (uint32_t)group, &client->peer);
}

void
gate_configure(struct service *service, int64_t now)
{
	uint32_t rows[CONF_LISTENERS_MAX], slot, i;
	const struct conf *conf = service->setup->conf;

	for (i = 0; i < conf->n_listeners; i++)
		rows[i] = (uint32_t)counters_find(&service->counters,
		    conf_text(conf, conf->listener[i].name));
	admit_configure(&service->admit, conf, rows, now);
	for (slot = 0; slot < service->clients.used; slot++)
		if (service->clients.slots[slot].phase != CLIENT_FREE)
			restore(service, &service->clients.slots[slot], now);
}

const struct conf_limits *
gate_full(const struct service *service, const struct listener *listener)
{
	const struct counters_row *row =
	    &service->counters.rows[listener->row];

	return admit_full(&service->admit, listener->group,
	    service_places(service), counters_places(row));
}

bool
gate_decide(struct service *service, struct client *client,
    const struct conf_limits *full, enum refusal *why, int64_t now)
{
	uint32_t group = (uint32_t)service->counters.rows[client->row].session;
	struct admit_verdict verdict = admit_decide(
	    &service->admit, group, &client->peer, full, now);

	client->who = admit_source(&service->admit, group, &client->peer);
	client->quiet = admit_is_quiet(&service->admit, &client->peer);
	client->session = verdict.session;
	client->source = verdict.source;
	client->limit = verdict.limit;
	client->retry_after = verdict.retry_after;
	client->own_text = verdict.own_text &&
	    verdict.reason == REFUSAL_DENIED;
	*why = verdict.reason;
	return verdict.allowed;
}

/* Its peer is a proxy, or should be: who the client is will be seen. */
static bool
decide_unseen(struct service *service, struct client *client, uint32_t group,
    const struct conf_limits *full, enum refusal *why)
{
	client->who = admit_source(&service->admit, group, &client->peer);
	client->quiet = admit_is_quiet(&service->admit, &client->peer);
	client->session = greetings_index(group, STATE_READY);
	if (!proxy_admit(service, client)) {
		*why = REFUSAL_DENIED;
		return false;
	}
	*why = REFUSAL_BUSY;
	if (full == NULL)
		return true;
	client->limit = (uint32_t)full->max_clients;
	client->retry_after = 1;
	return false;
}

static bool
decide(struct service *service, struct client *client,
    const struct conf_limits *full, enum refusal *why, int64_t now)
{
	uint32_t group = (uint32_t)service->counters.rows[client->row].session;

	return conf_is_proxied(&service->setup->conf->listener[group])
	    ? decide_unseen(service, client, group, full, why)
	    : gate_decide(service, client, full, why, now);
}

bool
gate_pass(struct service *service, uint32_t slot, const struct conf_limits *full,
    int64_t now)
{
	enum refusal why;

	if (decide(service, &service->clients.slots[slot], full, &why, now))
		return true;
	refuse(service, slot, why, now);
	return false;
}
