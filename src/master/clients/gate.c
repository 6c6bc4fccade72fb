/* Lets clients in, or refuses them. */
#include "config.h"

#include "master/clients/gate.h"

#include "master/clients/admit.h"
#include "master/clients/refuse.h"
#include "master/clients/service.h"
#include "master/config/conf.h"

static void
restore(struct service *service, struct client *client, int64_t now)
{
	int group = service->counters.rows[client->row].session;

	client->source = ADMIT_NO_SOURCE;
	if (group == -1)
		return; /* its listener has gone: nobody competes with it */
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
	client->own_text = !verdict.allowed && verdict.own_text &&
	    verdict.reason == REFUSAL_DENIED;
	*why = verdict.reason;
	return verdict.allowed;
}

bool
gate_pass(struct service *service, uint32_t slot, const struct conf_limits *full,
    int64_t now)
{
	enum refusal why;

	if (gate_decide(service, &service->clients.slots[slot], full, &why,
		now))
		return true;
	refuse(service, slot, why, now);
	return false;
}
