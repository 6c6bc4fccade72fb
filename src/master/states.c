/* What the listeners are ready for: the operator's words, kept over a restart. */
#include "config.h"

#include "master/states.h"

#include <sys/stat.h>

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/control/orders.h"
#include "master/server.h"
#include "master/state_file.h"
#include "master/system/cause.h"
#include "master/system/clock.h"
#include "master/system/directory.h"
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

static void
drop(struct state_words *words, struct state_word *word)
{
	*word = words->list[--words->n];
}

/* Those whose time is over; true when there was one. */
static bool
drop_ended(struct state_words *words)
{
	int64_t today = time(NULL);
	size_t i = 0, n = words->n;

	while (i < words->n)
		if (words->list[i].until != 0 && words->list[i].until <= today)
			drop(words, &words->list[i]);
		else
			i++;
	return words->n != n;
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
		drop(words, word);
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

/* --------------------------------------------------------------------- the file */

void
states_prepare(const struct conf *conf, const struct identity *identity)
{
	const char *path = conf_text(conf, conf->state_file);
	char text[PATH_MAX], *folder;
	const char *why = NULL;
	struct stat st;
	int fd;

	if (identity == NULL || *path == '\0')
		return;
	snprintf(text, sizeof(text), "%s", path);
	folder = dirname(text);
	if (stat(folder, &st) == 0)
		return;
	fd = errno == ENOENT ? directory_make(folder, identity, &why) : -1;
	if (fd == -1 && why == NULL &&
	    cause_of(errno, EXIT_CONFIG) == EXIT_SYSTEM)
		fatal(EXIT_SYSTEM, "state_file: %s: %s", path, strerror(errno));
	if (fd != -1)
		close(fd); /* else there is no lock, and a warning */
}

/* The system's own failure ends the start.  With any other the daemon serves,
 * and each order says that it is not kept. */
static void
not_kept(const char *path, const char *step, const char *why)
{
	if (cause_of(errno, EXIT_CONFIG) == EXIT_SYSTEM)
		fatal(EXIT_SYSTEM, "state_file: %s: %s: %s", path, step, why);
	log_line(LOG_WARNING,
	    "state_file: %s: %s: %s: what forkgreetctl orders is not kept",
	    path, step, why);
}

static void
lock(const char *path)
{
	const char *step;
	pid_t holder;

	if (state_file_lock(path, &holder, &step) != -1)
		return; /* it ends with the process */
	if (errno == EAGAIN && holder > 0)
		fatal(EXIT_RUNNING,
		    "state_file: %s: process %d has it, expected a file of "
		    "each daemon's own",
		    path, (int)holder);
	if (errno == EAGAIN)
		fatal(EXIT_RUNNING, "state_file: %s: another daemon has it",
		    path);
	not_kept(path, step, strerror(errno));
}

/* A damaged one says nothing, and stays to be looked at. */
static void
set_aside(const char *path, const char *why)
{
	int result = state_file_set_aside(path);

	log_event(LOG_WARNING, "state file", LOG_QUOTED("path", path),
	    LOG_QUOTED("error", why),
	    LOG_WORD("kept", result == 0 ? "as .damaged" : "not"));
}

void
states_begin(struct states *states, const struct conf *conf)
{
	const char *path = conf_text(conf, conf->state_file);
	const char *why;

	*states = (struct states) { .path = "" };
	if (*path == '\0')
		return;
	states->path = strdup(path); /* conf goes with the next reload */
	if (states->path == NULL)
		fatal(EXIT_SYSTEM, "state_file: %s", strerror(errno));
	lock(states->path);
	switch (state_file_read(states->path, &states->words, &why)) {
	case STATE_FILE_GOOD:
		drop_ended(&states->words);
		break;
	case STATE_FILE_ABSENT:
		break;
	case STATE_FILE_DAMAGED:
		set_aside(states->path, why);
		break;
	case STATE_FILE_UNREADABLE:
		not_kept(states->path, "read", why);
	}
}

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

/* ------------------------------------------------------------------ the operator */

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
	if (drop_ended(&states->words)) {
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
