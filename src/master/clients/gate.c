/* The decision, made about the clients of the server. */
#include "config.h"

#include "master/clients/gate.h"

#include "master/clients/admit.h"
#include "master/config/conf.h"
#include "master/clients/refuse.h"
#include "master/server.h"
#include "shared/plan.h"

static void
restore(struct server *server, struct client *client, int64_t now)
{
	int group = server->stats.rows[client->row].session;

	client->source = ADMIT_NO_SOURCE;
	if (group == -1)
		return; /* its listener has gone: nobody competes with it */
	client->source =
	    admit_restore(&server->admit, (uint32_t)group, &client->peer, now);
	client->session =
	    admit_session(&server->admit, (uint32_t)group, &client->peer);
}

void
gate_configure(struct server *server, int64_t now)
{
	uint32_t rows[CONF_LISTENERS_MAX], slot, i;
	const struct conf *conf = server->conf;

	for (i = 0; i < conf->n_listeners; i++)
		rows[i] = (uint32_t)stats_find(&server->stats,
		    conf_text(conf, conf->listener[i].name));
	admit_configure(&server->admit, conf, rows, now);
	for (slot = 0; slot < server->clients.used; slot++)
		if (server->clients.slots[slot].state != CLIENT_FREE)
			restore(server, &server->clients.slots[slot], now);
}

const struct conf_limits *
gate_full(const struct server *server, const struct listener *listener)
{
	return admit_full(&server->admit, listener->group, server->stats.live,
	    server->stats.rows[listener->row].live);
}

/* What its rule has for it to read. */
static void
take_text(const struct server *server, struct client *client,
    const struct admit_verdict *verdict)
{
	const struct plan *plan = server->snapshot.plan;
	const struct plan_session *session = &plan->session[verdict->session];

	client->refusal = (const char *)plan + session->greeting_offset;
	client->refusal_length = session->greeting_length;
}

bool
gate_pass(struct server *server, uint32_t slot, const struct conf_limits *full,
    int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	uint32_t group = (uint32_t)server->stats.rows[client->row].session;
	struct admit_verdict verdict = admit_decide(
	    &server->admit, group, &client->peer, full, now);

	client->session = verdict.session;
	client->source = verdict.source;
	client->limit = verdict.limit;
	client->retry_after = verdict.retry_after;
	if (verdict.allowed)
		return true;
	if (verdict.own_text && verdict.reason == REFUSAL_DENIED)
		take_text(server, client, &verdict);
	refuse(server, slot, verdict.reason, now);
	return false;
}

void
gate_release(struct server *server, struct client *client)
{
	int group = server->stats.rows[client->row].session;

	if (group != -1)
		admit_release(
		    &server->admit, (uint32_t)group, client->source);
	client->source = ADMIT_NO_SOURCE;
}
