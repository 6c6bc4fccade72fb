/* Warnings of texts that clients should not be sent. */
#include "config.h"

#include "master/config/advice.h"

#include <limits.h>
#include <stdio.h>

#include "master/config/conf.h"
#include "master/config/greetings.h"
#include "master/config/schema.h"
#include "master/config/text_advice.h"
#include "master/system/report.h"
#include "shared/refusal.h"

#define KEY_MAX (PATH_MAX + 64)
#define NAME_ROOM 80

/* What is looked at. */
struct advice {
	const struct conf *conf;
	const struct text_names *names;
	const char *path;
	struct report *report;
};

static const struct text_protocol *
protocol_of(const struct conf_listener *listener)
{
	return listener->format == CONF_FORMAT_PLAIN
		? text_protocol_find(listener->port) : NULL;
}

/* The longest of the texts that clients get one of. */
static size_t
longest_of(const struct greeting *greeting)
{
	size_t longest = 0;
	uint32_t i;

	for (i = 0; i < greeting->n_texts; i++)
		if (greeting->texts[i].length > longest)
			longest = greeting->texts[i].length;
	return longest;
}

static void
advise_greeting(const struct advice *advice,
    const struct conf_listener *listener, const struct greeting *greeting,
    uint32_t line, const char *key)
{
	struct text_use use = {
		.bytes = greeting->bytes,
		.length = greeting->length,
		.variables = listener->variables != 0,
		.protocol = protocol_of(listener),
		.names = advice->names,
	};

	if (listener->pick != CONF_PICK_WHOLE && greeting->n_texts > 0) {
		use.longest = TEXT_ADVICE_QUOTE_MAX;
		use.part = longest_of(greeting);
	}
	text_advise(&use, conf_file(advice->conf, listener, advice->path),
	    line, key, advice->report);
}

/* ------------------------------------------------------------------ greetings */

static void
put_key(char key[KEY_MAX], const struct conf *conf, uint32_t i,
    enum state state)
{
	const struct conf_listener *listener = &conf->listener[i];

	if (state != STATE_READY)
		snprintf(key, KEY_MAX, "listeners[%u].when.%s",
		    (unsigned)listener->place,
		    state_name(state));
	else if (listener->greeting_file_line == 0)
		snprintf(key, KEY_MAX, "listeners[%u].greeting",
		    (unsigned)listener->place);
	else
		snprintf(key, KEY_MAX, "listeners[%u].greeting_file: \"%s\"",
		    (unsigned)listener->place,
		    conf_text(conf, listener->greeting_file));
}

static void
advise_states(const struct advice *advice, const struct greeting *greetings,
    uint32_t i)
{
	const struct conf_listener *listener = &advice->conf->listener[i];
	char key[KEY_MAX];
	unsigned state;
	uint32_t line;

	for (state = 0; state < STATE_COUNT; state++) {
		line = listener->when_line[state];
		if (state == STATE_READY && line == 0)
			line = listener->greeting_file_line;
		if (line == 0)
			continue;
		put_key(key, advice->conf, i, (enum state)state);
		advise_greeting(advice, listener,
		    &greetings[greetings_index(i, (enum state)state)], line,
		    key);
	}
}

/* *next is the greeting of the first rule that has one. */
static void
advise_rules(
    const struct advice *advice, const struct greeting **next, uint32_t i)
{
	const struct conf_listener *listener = &advice->conf->listener[i];
	const struct conf_rule *rule =
	    &advice->conf->rule[listener->first_rule];
	char key[KEY_MAX];
	uint32_t k;

	for (k = 0; k < listener->n_rules; k++) {
		if (rule[k].greeting_line == 0)
			continue;
		snprintf(key, sizeof(key), "listeners[%u].rules[%u].greeting",
		    (unsigned)listener->place, (unsigned)k);
		advise_greeting(advice, listener, (*next)++,
		    rule[k].greeting_line, key);
	}
}

/* ------------------------------------------------------------------- refusals */

/* The first protocol of listeners without such a refusal of their own. */
static const struct text_protocol *
heir_protocol(const struct conf *conf, unsigned why)
{
	const struct text_protocol *protocol = NULL;
	uint32_t i;

	for (i = 0; i < conf->n_listeners && protocol == NULL; i++)
		if (conf->listener[i].refusal_line[why] == 0)
			protocol = protocol_of(&conf->listener[i]);
	return protocol;
}

static void
advise_refusal(const struct advice *advice, struct conf_text text,
    const struct text_protocol *protocol, uint32_t line, const char *key)
{
	struct text_use use = {
		.bytes = conf_text(advice->conf, text),
		.length = text.length,
		.variables = true,
		.protocol = protocol,
		.names = advice->names,
	};

	if (line != 0)
		text_advise(&use, advice->path, line, key, advice->report);
}

static void
advise_top_refusals(const struct advice *advice)
{
	const struct conf *conf = advice->conf;
	char key[NAME_ROOM];
	unsigned why;

	for (why = 0; why < REFUSAL_COUNT; why++) {
		snprintf(key, sizeof(key), "refusals.%s",
		    refusal_name((enum refusal)why));
		advise_refusal(advice,
		    schema_text(schema_find(key), SCHEMA_TOP, conf),
		    heir_protocol(conf, why), schema_line(conf, key), key);
	}
}

/* A listener's own. */
static void
advise_refusals(const struct advice *advice, uint32_t i)
{
	const struct conf_listener *listener = &advice->conf->listener[i];
	struct advice own = *advice;
	char key[NAME_ROOM];
	const char *name;
	unsigned why;
	int n;

	n = snprintf(key, sizeof(key), "listeners[%u].",
	    (unsigned)listener->place);
	name = key + n;
	own.path = conf_file(advice->conf, listener, advice->path);
	for (why = 0; why < REFUSAL_COUNT; why++) {
		snprintf(key + n, sizeof(key) - (size_t)n, "refusals.%s",
		    refusal_name((enum refusal)why));
		advise_refusal(&own,
		    schema_text(schema_find(name), SCHEMA_LISTENER, listener),
		    protocol_of(listener), listener->refusal_line[why], key);
	}
}

void
advice_find(const struct conf *conf, const struct greeting *greetings,
    const struct text_names *names, const char *path, struct report *report)
{
	const struct greeting *next = greetings + greetings_first_rule(conf);
	struct advice advice = { conf, names, path, report };
	uint32_t i;

	advise_top_refusals(&advice);
	for (i = 0; i < conf->n_listeners; i++) {
		advise_states(&advice, greetings, i);
		advise_rules(&advice, &next, i);
		advise_refusals(&advice, i);
	}
}
