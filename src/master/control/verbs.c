/* Understands control requests. */
#include "config.h"

#include "master/control/verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/clients/service.h"
#include "master/control/metrics.h"
#include "master/control/orders.h"
#include "master/control/status.h"
#include "shared/control.h"
#include "shared/control_words.h"
#include "shared/escape.h"
#include "shared/number.h"

/* A request, taken apart. */
struct request {
	const char *verb;
	bool json;
	bool has_order; /* there are words that only an order has */
	struct state_order order;
};

static void
run_status(struct verb_result *result, const struct request *request,
    const struct overview *overview, const struct control_actions *actions,
    int64_t now)
{
	(void)actions;
	result->text = status_text(overview, request->json, now);
}

static void
run_reload(struct verb_result *result, const struct request *request,
    const struct overview *overview, const struct control_actions *actions,
    int64_t now)
{
	(void)request;
	(void)overview;
	(void)actions;
	(void)now;
	result->reload = true;
}

static void
run_state(struct verb_result *result, const struct request *request,
    const struct overview *overview, const struct control_actions *actions,
    int64_t now)
{
	struct state_order order = request->order;
	struct state_result done;

	(void)overview;
	(void)now;
	state_parse(request->verb, &order.state);
	actions->set_state(actions->context, &order, &done);
	result->failed = !done.ok;
	if (done.ok && request->json) {
		free(done.text);
		if (asprintf(&done.text,
			"{\"result\": \"ok\", \"state\": \"%s\"}\n",
			request->verb) == -1)
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
run_metrics(struct verb_result *result, const struct request *request,
    const struct overview *overview, const struct control_actions *actions,
    int64_t now)
{
	(void)actions;
	(void)now;
	if (request->json)
		result->refusal = "control: metrics: takes no json";
	else
		result->text = metrics_text(overview);
}

/* How many clients are being served, of these listeners or of all. */
static void
run_live(struct verb_result *result, const struct request *request,
    const struct overview *overview, const struct control_actions *actions,
    int64_t now)
{
	const struct counters *counters = &overview->service->counters;
	uint32_t live = 0;
	size_t i;

	(void)actions;
	(void)now;
	for (i = 0; i < counters->n_rows; i++)
		if (is_named(&request->order, counters->rows[i].name))
			live += counters_places(&counters->rows[i]);
	if (asprintf(&result->text, "%u\n", (unsigned)live) == -1)
		result->text = NULL;
}

static const struct verb {
	const char *name;
	bool is_order;
	void (*run)(struct verb_result *result, const struct request *request,
	    const struct overview *overview,
	    const struct control_actions *actions, int64_t now);
} verbs[] = {
	{ "status", false, run_status },
	{ "reload", false, run_reload },
	{ "metrics", false, run_metrics },
	{ "live", true, run_live },
	{ "ready", true, run_state },
	{ "drain", true, run_state },
	{ "maintenance", true, run_state },
};

/* What follows the name when that is the word's; else NULL. */
static const char *
value_of(const char *word, const char *name)
{
	size_t length = strlen(name);

	return strncmp(word, name, length) == 0 ? word + length : NULL;
}

/* Returns 0, or -1 when it is none of an order's. */
static int
take_order(struct request *request, const char *word)
{
	struct state_order *order = &request->order;
	const char *value;

	request->has_order = true;
	value = value_of(word, "listener=");
	if (value != NULL) {
		order->listeners[order->n_listeners++] = value;
		return 0;
	}
	value = value_of(word, "until=");
	if (value != NULL)
		return number_parse(value, 1, INT64_MAX, &order->until);
	value = value_of(word, "reason=");
	if (value == NULL)
		return -1;
	return control_words_decode(
	    value, order->reason, sizeof(order->reason));
}

static int
take_words(struct request *request, char **words, int n)
{
	int i;

	*request = (struct request) { .verb = words[0] };
	for (i = 1; i < n; i++)
		if (i == 1 && strcmp(words[i], "json") == 0)
			request->json = true;
		else if (take_order(request, words[i]) == -1)
			return -1;
	return 0;
}

void
verbs_run(struct verb_result *result, char *line, size_t length,
    const struct overview *overview, const struct control_actions *actions,
    int64_t now)
{
	char *words[CONTROL_WORDS_MAX];
	int n = control_words_split(line, length, words, CONTROL_WORDS_MAX);
	struct request request;
	size_t i;

	*result = (struct verb_result) {
		.refusal = "control: unknown request, expected status, reload, "
			   "metrics, ready, drain or maintenance" };
	if (n == -1 || take_words(&request, words, n) == -1)
		return;
	result->json = request.json;
	for (i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
		if (strcmp(request.verb, verbs[i].name) == 0 &&
		    (verbs[i].is_order || !request.has_order)) {
			result->refusal = NULL;
			verbs[i].run(result, &request, overview, actions, now);
			return;
		}
}
