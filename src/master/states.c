/* What the listeners are ready for: the operator's words, kept over a restart. */
#include "config.h"

#include "master/states.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "master/config/conf.h"
#include "master/control/orders.h"
#include "master/server.h"
#include "master/state_file.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"

/* The clock that people go by may be set: words that end are looked at so often
 * at least. */
#define LOOK_SECONDS 30

/* -------------------------------------------------------------------- the words */

static struct state_word *
find(struct state_words *words, const char *listener)
{
	size_t i;

	for (i = 0; i < words->n; i++)
		if (strcmp(words->list[i].listener, listener) == 0)
			return &words->list[i];
	return NULL;
}

/* The word that counts for the listener; NULL: none does. */
static const struct state_word *
find_for(struct state_words *words, const char *listener)
{
	struct state_word *word = find(words, listener);

	return word != NULL ? word : find(words, "");
}

static bool
is_configured(const struct conf *conf, const char *listener)
{
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		if (strcmp(listener, conf_text(conf, conf->listener[i].name)) ==
		    0)
			return true;
	return false;
}

/* Rows for listeners that are not configured now are kept: they may come back.
 * When there is no room, one of those goes; with a row for each that could be
 * configured, and for all, there is one. */
static struct state_word *
place_for(
    struct state_words *words, const struct conf *conf, const char *listener)
{
	struct state_word *word = find(words, listener);

	if (word != NULL)
		return word;
	word = words->list;
	if (words->n == STATE_WORDS_MAX) {
		while (word->listener[0] == '\0' ||
		    is_configured(conf, word->listener))
			word++;
		state_words_drop(words, word);
	}
	return &words->list[words->n++];
}

static void
set(struct state_words *words, const struct conf *conf, const char *listener,
    const struct state_order *order)
{
	struct state_word *word = place_for(words, conf, listener);

	*word = (struct state_word) { .state = order->state,
		.until = order->until, .since = time(NULL) };
	snprintf(word->listener, sizeof(word->listener), "%s", listener);
	snprintf(word->reason, sizeof(word->reason), "%s", order->reason);
}

/* ------------------------------------------------------------------- in effect */

/* The operator's word and the health file's: the greater holds. */
static struct listener_state
state_for(struct states *states, const char *listener,
    const struct health *health)
{
	const struct state_word *word = find_for(&states->words, listener);
	struct listener_state state = { .state = health->state,
		.weight = health->weight };

	snprintf(state.reason, sizeof(state.reason), "%s", health->reason);
	if (word == NULL || word->state < health->state)
		return state;
	state.state = word->state;
	state.until = word->until;
	snprintf(state.reason, sizeof(state.reason), "%s", word->reason);
	return state;
}

static const struct listener_state *
find_effect(const struct states *states, const char *listener)
{
	static const struct listener_state none = STATE_NONE;
	uint32_t i;

	for (i = 0; i < states->n_effects; i++)
		if (strcmp(states->effects[i].listener, listener) == 0)
			return &states->effects[i].state;
	return &none;
}

/* A reason may be another one at each look: no news. */
static bool
is_same(const struct listener_state *a, const struct listener_state *b)
{
	return a->state == b->state && a->until == b->until;
}

static void
say(const char *listener, const struct listener_state *state)
{
	log_event(LOG_NOTICE, "state", LOG_WORD("listener", listener),
	    LOG_WORD("state", state_name(state->state)),
	    LOG_IF(state->until != 0, LOG_SIGNED("until", state->until)),
	    LOG_IF(state->reason[0] != '\0',
		LOG_QUOTED("reason", state->reason)));
}

void
states_tell(const struct server *server)
{
	unsigned count[STATE_COUNT] = { 0 };
	uint32_t i;

	for (i = 0; i < server->states.n_effects; i++)
		count[server->states.effects[i].state.state]++;
	notify_serving(server->states.n_effects, count);
}

/* The nearest end of a word; 0: none has one. */
static int64_t
next_end(const struct states *states)
{
	int64_t next = 0;
	size_t i;

	for (i = 0; i < states->words.n; i++)
		if (states->words.list[i].until != 0 &&
		    (next == 0 || states->words.list[i].until < next))
			next = states->words.list[i].until;
	return next;
}

static void
plan_look(struct states *states, int64_t now)
{
	int64_t end = next_end(states), left = end - time(NULL);

	states->look_at = CLOCK_NEVER;
	if (end != 0)
		states->look_at = now + (left < 0 ? 0 :
		    left > LOOK_SECONDS ? LOOK_SECONDS : left) * CLOCK_SECOND;
}

void
states_apply(struct server *server)
{
	const struct conf *conf = server->running.conf;
	struct states *states = &server->states;
	struct state_effect *fresh = states->fresh;
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++) {
		snprintf(fresh[i].listener, sizeof(fresh[i].listener), "%s",
		    conf_text(conf, conf->listener[i].name));
		fresh[i].state = state_for(states, fresh[i].listener,
		    &server->health.watches[i].now);
		if (!is_same(find_effect(states, fresh[i].listener),
			&fresh[i].state))
			say(fresh[i].listener, &fresh[i].state);
		server->service.states[i] = fresh[i].state;
	}
	memcpy(states->effects, fresh, conf->n_listeners * sizeof(*fresh));
	states->n_effects = conf->n_listeners;
	plan_look(states, clock_now());
}

/* ------------------------------------------------------------------ the operator */

/* Returns 0, or -1 with a text that is the caller's to free. */
static int
keep(const struct states *states, char **text)
{
	const char *step;

	*text = NULL;
	if (states->path[0] == '\0' ||
	    state_file_write(states->path, &states->words, &step) == 0)
		return 0;
	if (asprintf(text, "in force, but not kept over a restart: %s: %s: %s",
		states->path, step, strerror(errno)) == -1)
		*text = NULL;
	return -1;
}

/* The name of a listener that is not configured, or NULL. */
static const char *
find_unknown(const struct conf *conf, const struct state_order *order)
{
	size_t i;

	for (i = 0; i < order->n_listeners; i++)
		if (!is_configured(conf, order->listeners[i]))
			return order->listeners[i];
	return NULL;
}

static bool
is_ordered(const struct state_order *order, const char *listener)
{
	size_t i;

	for (i = 0; i < order->n_listeners; i++)
		if (strcmp(order->listeners[i], listener) == 0)
			return true;
	return order->n_listeners == 0;
}

/* A health file can say otherwise than "ready". */
static void
say_files(const struct server *server, const struct state_order *order,
    char **text)
{
	const struct state_effect *effect = server->states.effects;
	const struct state_effect *end = effect + server->states.n_effects;
	char *more;

	for (; effect < end; effect++) {
		if (effect->state.state == STATE_READY ||
		    !is_ordered(order, effect->listener))
			continue;
		if (asprintf(&more, "%s%s: its health file says %s (%s)\n",
			*text == NULL ? "" : *text, effect->listener,
			state_name(effect->state.state),
			effect->state.reason) == -1)
			return;
		free(*text);
		*text = more;
	}
}

void
states_order(void *context, const struct state_order *order,
    struct state_result *result)
{
	struct server *server = context;
	struct states *states = &server->states;
	const struct conf *conf = server->running.conf;
	const char *unknown = find_unknown(conf, order);
	size_t i;

	*result = (struct state_result) { .ok = unknown == NULL };
	if (unknown != NULL) {
		if (asprintf(&result->text, "%s: no such listener, nothing is "
			"changed", unknown) == -1)
			result->text = NULL;
		return;
	}
	if (order->n_listeners == 0) {
		states->words.n = 0;
		set(&states->words, conf, "", order);
	}
	for (i = 0; i < order->n_listeners; i++)
		set(&states->words, conf, order->listeners[i], order);
	result->ok = keep(states, &result->text) == 0;
	states_apply(server);
	states_tell(server);
	if (result->ok && order->state == STATE_READY)
		say_files(server, order, &result->text);
}

/* ------------------------------------------------------------------------ time */

void
states_step(struct server *server, int64_t now)
{
	struct states *states = &server->states;
	char *text;

	if (!server->ready || now < states->look_at)
		return;
	if (state_words_expire(&states->words, time(NULL))) {
		if (keep(states, &text) == -1)
			log_line(LOG_WARNING, "state: %s",
			    text == NULL ? "out of memory" : text);
		free(text);
		states_apply(server);
		states_tell(server);
	}
	plan_look(states, now);
}

int64_t
states_wakeup(const struct server *server)
{
	return server->ready ? server->states.look_at : CLOCK_NEVER;
}
