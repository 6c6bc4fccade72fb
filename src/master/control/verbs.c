/* Understands control requests. */
#include "config.h"

#include "master/control/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/clients/service.h"
#include "master/config/network.h"
#include "master/control/counts.h"
#include "master/control/log_level.h"
#include "master/control/metrics.h"
#include "master/control/orders.h"
#include "master/control/status.h"
#include "master/control/verb_words.h"
#include "master/system/log.h"
#include "shared/control.h"
#include "shared/control_words.h"

/* What a verb works on; not owned. */
struct verb_call {
	const struct verb_request *request;
	const struct overview *overview;
	const struct control_actions *actions;
	int64_t now;
};

static void
run_status(struct verb_result *result, const struct verb_call *call)
{
	result->text =
	    status_text(call->overview, call->request->json, call->now);
}

static void
run_reload(struct verb_result *result, const struct verb_call *call)
{
	(void)call;
	result->reload = true;
}

static void
run_upgrade(struct verb_result *result, const struct verb_call *call)
{
	(void)call;
	result->upgrade = true;
}

static void
run_state(struct verb_result *result, const struct verb_call *call)
{
	struct state_order order = call->request->order;
	struct state_result done;

	state_parse(call->request->verb, &order.state);
	call->actions->set_state(call->actions->context, &order, &done);
	result->failed = !done.ok;
	if (done.ok && call->request->json) {
		free(done.text);
		if (asprintf(&done.text,
			"{\"result\": \"ok\", \"state\": \"%s\"}\n",
			call->request->verb) == -1)
			done.text = NULL;
	}
	result->text = done.text != NULL ? done.text : strdup("");
}

static bool
is_named(const struct state_order *order, const char *listener)
{
	size_t i;

	for (i = 0; i < order->n_listeners; i++)
		if (strcmp(order->listeners[i], listener) == 0)
			return true;
	return order->n_listeners == 0;
}

/* In a form of its own, which has no JSON. */
static void
run_metrics(struct verb_result *result, const struct verb_call *call)
{
	result->text = metrics_text(call->overview);
}

/* How many clients are being served, of these listeners or of all. */
static void
run_live(struct verb_result *result, const struct verb_call *call)
{
	const struct counters *counters = &call->overview->service->counters;
	uint32_t live = 0;
	size_t i;

	for (i = 0; i < counters->n_rows; i++)
		if (is_named(&call->request->order, counters->rows[i].name))
			live += counters_places(&counters->rows[i]);
	if (asprintf(&result->text, "%u\n", (unsigned)live) == -1)
		result->text = NULL;
}

/* What decides about a client of one listener. */
static void
run_counts(struct verb_result *result, const struct verb_call *call)
{
	struct counts counts;
	struct addr source;

	if (call->request->order.n_listeners != 1 ||
	    call->request->source == NULL ||
	    addr_parse_source(&source, call->request->source) == -1) {
		result->refusal =
		    "control: counts: expected listener=NAME source=ADDRESS";
		return;
	}
	counts_take(&counts, call->overview,
	    call->request->order.listeners[0], &source, call->now);
	result->text = counts_text(&counts);
}

static void
no_listener(struct verb_result *result, const char *name)
{
	result->failed = true;
	if (asprintf(&result->text, "clients: %s: no such listener", name) ==
	    -1)
		result->text = NULL;
}

static bool
has_row(const struct counters *counters, const char *name)
{
	size_t i;

	for (i = 0; i < counters->n_rows; i++)
		if (strcmp(counters->rows[i].name, name) == 0)
			return true;
	return false;
}

/* A network, or a user of a UNIX socket's. */
static bool
is_source(const char *text, struct conf_net *net)
{
	if (network_parse(text, false, net) == NULL)
		return true;
	net->prefix = 32; /* all bits of a uid */
	return addr_parse_source(&net->addr, text) == 0;
}

/* A listener that a reload has removed may have clients still. */
static void
run_clients(struct verb_result *result, const struct verb_call *call)
{
	const struct state_order *order = &call->request->order;
	struct client_rows *rows = &result->rows;

	client_rows_begin(rows,
	    call->request->json ? CLIENT_ROWS_JSON : CLIENT_ROWS_LINES,
	    call->overview);
	rows->from_net = call->request->source != NULL;
	if (order->n_listeners > 1)
		result->refusal = "clients: expected one listener";
	else if (rows->from_net &&
	    !is_source(call->request->source, &rows->net))
		result->refusal = "clients: --source: expected an address or "
				  "a network such as 192.0.2.0/24, or "
				  "uid:NUMBER";
	else if (order->n_listeners == 1 &&
	    !has_row(&call->overview->service->counters, order->listeners[0]))
		no_listener(result, order->listeners[0]);
	else
		result->list = true;
	if (result->list && order->n_listeners == 1)
		snprintf(rows->listener, sizeof(rows->listener), "%s",
		    order->listeners[0]);
}

static void
run_top(struct verb_result *result, const struct verb_call *call)
{
	client_rows_begin(&result->rows, CLIENT_ROWS_TOP, call->overview);
	result->list = true;
}

static void
run_log_level(struct verb_result *result, const struct verb_call *call)
{
	int level;

	if (call->request->level == NULL ||
	    !log_level_parse(call->request->level, &level)) {
		result->refusal = "log-level: expected error, warning, notice, "
				  "info or debug";
		return;
	}
	result->log_level = true;
	result->old_log_level = log_level();
	log_level_set(level);
	if (!call->request->json)
		result->text = strdup("");
	else if (asprintf(&result->text,
		     "{\"result\": \"ok\", \"log_level\": \"%s\"}\n",
		     call->request->level) == -1)
		result->text = NULL;
}

#define VERB_NAME_MAX 16
#define ORDER_WORDS (WORD_JSON | WORD_LISTENER | WORD_UNTIL | WORD_REASON)

static const struct verb {
	char name[VERB_NAME_MAX]; /* with its NUL */
	unsigned words; /* that it may have, enum verb_words */
	bool looks; /* it changes nothing: control_group may, too */
	bool shown; /* to people; false: it is for our programs only */
	void (*run)(struct verb_result *result, const struct verb_call *call);
} verbs[] = {
	{ "status", WORD_JSON, true, true, run_status },
	{ "clients", WORD_JSON | WORD_LISTENER | WORD_SOURCE, true, true,
	    run_clients },
	{ "top", 0, true, true, run_top },
	{ "metrics", 0, true, true, run_metrics },
	{ "counts", WORD_LISTENER | WORD_SOURCE, true, false, run_counts },
	{ "live", WORD_JSON | WORD_LISTENER, true, false, run_live },
	{ "reload", WORD_JSON, false, true, run_reload },
	{ "upgrade", WORD_JSON, false, true, run_upgrade },
	{ "log-level", WORD_JSON | WORD_LEVEL, false, true, run_log_level },
	{ "ready", ORDER_WORDS, false, true, run_state },
	{ "drain", ORDER_WORDS, false, true, run_state },
	{ "maintenance", ORDER_WORDS, false, true, run_state },
};

#define N_VERBS (sizeof(verbs) / sizeof(verbs[0]))

static const char unknown[] = "control: unknown request, expected one of";

/* NULL when there is none that takes these words. */
static const struct verb *
verb_find(const struct verb_request *request)
{
	size_t i;

	for (i = 0; i < N_VERBS; i++)
		if (strcmp(request->verb, verbs[i].name) == 0 &&
		    (request->given & ~verbs[i].words) == 0)
			return &verbs[i];
	return NULL;
}

/* Whoever asks is told all that people may ask. */
static const char *
unknown_request(void)
{
	static char text[sizeof(unknown) + N_VERBS * VERB_NAME_MAX];
	char *end = text + strlen(unknown);
	size_t i;

	memcpy(text, unknown, sizeof(unknown));
	for (i = 0; i < N_VERBS; i++) {
		if (!verbs[i].shown)
			continue;
		*end++ = ' ';
		memcpy(end, verbs[i].name, VERB_NAME_MAX);
		end += strlen(end);
	}
	return text;
}

void
verbs_run(struct verb_result *result, char *line, size_t length,
    enum control_rights rights, const struct overview *overview,
    const struct control_actions *actions, int64_t now)
{
	char *texts[CONTROL_WORDS_MAX];
	int n = control_words_split(line, length, texts, CONTROL_WORDS_MAX);
	const struct verb *verb;
	struct verb_request request;

	*result = (struct verb_result) { .refusal = unknown_request() };
	if (n == -1 || verb_words_take(&request, texts, n) == -1)
		return;
	verb = verb_find(&request);
	if (verb == NULL)
		return;
	result->refusal = NULL;
	result->json = request.json;
	if (rights != RIGHTS_ALL && !verb->looks)
		result->denied = verb->name;
	else
		verb->run(result,
		    &(struct verb_call) { &request, overview, actions, now });
}
