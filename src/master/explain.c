/* Says what a client gets, and why: the daemon's own decisions, made for a client
 * who is not there. */
#include "config.h"

#include "master/explain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/candidate.h"
#include "master/clients/accept.h"
#include "master/clients/gate.h"
#include "master/clients/serve.h"
#include "master/config/suggest.h"
#include "master/explain_ask.h"
#include "master/explain_show.h"
#include "master/system/clock.h"
#include "master/system/log.h"

/* -------------------------------------------------------------- the listener */

_Noreturn static void
unknown_listener(
    const struct conf *conf, const char *path, const char *name)
{
	const char *names[CONF_LISTENERS_MAX], *near;
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		names[i] = conf_text(conf, conf->listener[i].name);
	near = suggest_word(name, names, conf->n_listeners);
	if (near == NULL && conf->n_listeners == 1)
		near = names[0];
	if (near != NULL)
		fatal(EXIT_USAGE, "%s: no listener has the name \"%s\", did "
		    "you mean \"%s\"?", path, name, near);
	fatal(EXIT_USAGE, "%s: none of the %u listeners has the name \"%s\"",
	    path, (unsigned)conf->n_listeners, name);
}

static uint32_t
find_listener(const struct conf *conf, const char *path, const char *name)
{
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		if (strcmp(conf_text(conf, conf->listener[i].name), name) == 0)
			return i;
	unknown_listener(conf, path, name);
}

/* ----------------------------------------------------- a service of that setup */

/* It has no sockets and no spawner. */
static void
service_make(struct service *service, struct setup *setup, int64_t now)
{
	const char *failed = serve_init(service, -1, setup, NULL);

	if (failed == NULL && serve_prepare(service, setup->conf) == -1)
		failed = "counters";
	if (failed != NULL)
		fatal(EXIT_SYSTEM, "-E: %s: %s", failed, strerror(errno));
	serve_configure(service, now);
}

/* What the query wants the state to be is said by nobody: it has no end and no
 * reason, unless it is so. */
static void
state_set(struct listener_state *state, const struct explanation *explanation)
{
	const struct explain_query *query = explanation->query;
	const struct counts *counts = &explanation->counts;

	*state = STATE_NONE;
	state->weight = (int)counts->weight;
	if (query->has_state)
		state->state = query->state;
	if (query->has_state && counts->state != (int64_t)query->state)
		return;
	state->state = (enum state)counts->state;
	state->until = counts->until;
	snprintf(state->reason, sizeof(state->reason), "%s", counts->reason);
}

/* As the daemon counts. */
static void
counts_give(struct explanation *explanation, struct counters_row *row,
    int64_t now)
{
	struct service *service = &explanation->service;
	const struct counts *counts = &explanation->counts;

	row->live = (uint32_t)counts->listener_clients;
	service->counters.live = (uint32_t)counts->clients;
	levels_give(&counts->levels, &service->admit, explanation->group,
	    &explanation->query->source, now);
	if (counts->next_id > 0)
		service->clients.last_id = (uint64_t)counts->next_id - 1;
	state_set(&service->states[explanation->group], explanation);
}

/* ------------------------------------------------------------------ the client */

/* The address that it comes to is known when the listener has only one, and no
 * header says another. */
static void
local_note(struct client *client, const struct conf *conf,
    const struct conf_listener *listener)
{
	const struct addr *addr = &conf->address[listener->first_address].addr;

	client->local = (struct addr) { .family = AF_UNSPEC };
	if (conf_is_proxied(listener))
		return;
	if (listener->n_addresses == 1 && addr->family != AF_UNIX &&
	    !addr_is_any(addr))
		client->local = *addr;
	client->local.port = (uint16_t)listener->port;
	if (client->peer.family == AF_UNIX)
		client->local = (struct addr) { .family = AF_UNSPEC };
}

/* In the steps of accept.c and refuse.c. */
static void
decide(struct explanation *explanation, int64_t now)
{
	struct service *service = &explanation->service;
	struct listener listener = { .fd = -1, .group = explanation->group };
	struct client *client =
	    &service->clients.slots[clients_add(&service->clients)];

	if (explanation->silence != NULL)
		client->id = 0; /* not known */
	client->peer = explanation->query->source;
	listener.row = (uint32_t)counters_find(&service->counters,
	    conf_text(service->setup->conf, explanation->conf->name));
	local_note(client, service->setup->conf, explanation->conf);
	explanation->full = gate_full(service, &listener);
	explanation->queued =
	    accept_queues(service, &listener, explanation->full);
	accept_note(service, client, &listener, now);
	counters_accept(&service->counters, listener.row);
	explanation->allowed = gate_decide(service, client,
	    explanation->queued ? NULL : explanation->full, &explanation->why,
	    now);
	if (!explanation->allowed)
		counters_refuse(
		    &service->counters, listener.row, explanation->why);
	explanation->client = client;
}

static void
answer(struct explanation *explanation)
{
	if (explanation->allowed)
		answer_greeting(&explanation->answer, &explanation->service,
		    explanation->client);
	else
		answer_refusal(&explanation->answer, &explanation->service,
		    explanation->client, explanation->why);
}

/* -------------------------------------------------------------------- all of it */

static void
setup_make(struct candidate *candidate, const struct greeting *greetings,
    const char *path)
{
	if (setup_answers(&candidate->setup, greetings, path,
		&candidate->report) == 0)
		return;
	log_report(&candidate->report);
	fatal(candidate->report.cause, "-E: cannot decide");
}

/* As the daemon has it before the client comes. */
static void
situation_make(struct explanation *explanation, struct setup *setup,
    int64_t now)
{
	struct service *service = &explanation->service;
	struct counters_row *row;

	service_make(service, setup, now);
	row = &service->counters.rows[counters_find(&service->counters,
	    conf_text(setup->conf, explanation->conf->name))];
	counts_give(explanation, row, now);
	explanation->clients = service_places(service);
	explanation->listener_clients = counters_places(row);
	levels_take(&explanation->levels, &service->admit, explanation->group,
	    &explanation->query->source, now);
}

void
explain(struct candidate *candidate, struct greeting *greetings,
    const char *path, const struct explain_query *query)
{
	static struct explanation explanation; /* too large for a stack */
	const struct conf *conf = candidate->setup.conf;
	char why[EXPLAIN_WHY_MAX];
	int64_t now;

	explanation.path = path;
	explanation.query = query;
	explanation.group = find_listener(conf, path, query->listener);
	explanation.conf = &conf->listener[explanation.group];
	setup_make(candidate, greetings, path);
	explanation.silence = explain_ask(&explanation.counts,
	    conf_text(conf, conf->control_socket), query, why);
	now = clock_now();
	situation_make(&explanation, &candidate->setup, now);
	decide(&explanation, now);
	answer(&explanation);
	explain_show(&explanation, stdout);
	if (fflush(stdout) == EOF || ferror(stdout))
		fatal(EXIT_SYSTEM, "standard output: %s", strerror(errno));
	serve_free(&explanation.service);
}
