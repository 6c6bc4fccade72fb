/* Making the bytes that listeners and rules send. */
#include "config.h"

#include "master/config/greetings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/conf.h"
#include "master/config/kept.h"
#include "master/config/texts.h"
#include "master/system/file.h"
#include "master/system/report.h"

/* "\r\n" becomes "\n", in place. */
static void
convert_to_lf(struct greeting *greeting)
{
	char *bytes = greeting->bytes;
	size_t i, n = 0;

	for (i = 0; i < greeting->length; i++)
		if (bytes[i] != '\r' || i + 1 == greeting->length ||
		    bytes[i + 1] != '\n')
			bytes[n++] = bytes[i];
	greeting->length = n;
}

static bool
is_bare_lf(const char *bytes, size_t i)
{
	return bytes[i] == '\n' && (i == 0 || bytes[i - 1] != '\r');
}

/* "\n" becomes "\r\n" unless it is part of one already. */
static int
convert_to_crlf(struct greeting *greeting)
{
	size_t i, n = 0, bare = 0;
	char *bytes;

	for (i = 0; i < greeting->length; i++)
		bare += is_bare_lf(greeting->bytes, i);
	bytes = malloc(greeting->length + bare + 1);
	if (bytes == NULL)
		return -1;
	for (i = 0; i < greeting->length; i++) {
		if (is_bare_lf(greeting->bytes, i))
			bytes[n++] = '\r';
		bytes[n++] = greeting->bytes[i];
	}
	free(greeting->bytes);
	greeting->bytes = bytes;
	greeting->length = n;
	return 0;
}

/* The keys that say what is sent in a state. */
static const char *const names[STATE_COUNT] = {
	[STATE_READY] = "greeting",
	[STATE_DRAIN] = "when.drain",
	[STATE_DOWN] = "when.down",
	[STATE_MAINTENANCE] = "when.maintenance",
};

static struct conf_text
text_of(const struct conf_listener *listener, enum state state)
{
	switch (state) {
	case STATE_DRAIN:
		return listener->when.drain;
	case STATE_DOWN:
		return listener->when.down;
	case STATE_MAINTENANCE:
		return listener->when.maintenance;
	case STATE_READY:
	case STATE_COUNT:
		break;
	}
	return listener->greeting;
}

static int
copy_text(struct greeting *greeting, const struct conf *conf,
    struct conf_text text, const char **why)
{
	*why = "out of memory";
	greeting->bytes = malloc((size_t)text.length + 1);
	if (greeting->bytes == NULL)
		return -1;
	memcpy(greeting->bytes, conf_text(conf, text), text.length);
	greeting->length = text.length;
	return 0;
}

static int
convert(struct greeting *greeting, const struct conf_listener *listener)
{
	if (listener->line_ending == CONF_ENDING_LF)
		convert_to_lf(greeting);
	if (listener->line_ending == CONF_ENDING_CRLF)
		return convert_to_crlf(greeting);
	return 0;
}

/* What is done with the bytes of one, wherever they come from. */
static int
finish(struct greeting *greeting, const struct conf_listener *listener,
    bool pick, const char **why)
{
	*why = "out of memory";
	if (convert(greeting, listener) == -1)
		return -1;
	return texts_make(greeting, listener->variables, pick, why);
}

int
greeting_of_file(struct greeting *greeting,
    const struct conf_listener *listener, const char **why)
{
	return finish(
	    greeting, listener, listener->pick != CONF_PICK_WHOLE, why);
}

static int
file_load(struct greeting *greeting, const char *file, const char **why)
{
	/* First, so that what changes meanwhile is read again. */
	file_identify(file, &greeting->file);
	if (file_read(file, CONF_GREETING_MAX, FILE_OF_ANYBODY,
		&greeting->bytes, &greeting->length, why) == -1)
		return -1;
	kept_add(KEPT_GREETING_ID, file, &greeting->file,
	    sizeof(greeting->file));
	kept_add(KEPT_GREETING, file, greeting->bytes, greeting->length);
	return 0;
}

/* As it was at the trial, with what it was then: a change since is seen. */
static bool
file_kept(struct greeting *greeting, const char *file)
{
	size_t length;
	char *id;

	if (!kept_find(KEPT_GREETING_ID, file, &id, &length))
		return false;
	if (length == sizeof(greeting->file))
		memcpy(&greeting->file, id, length);
	free(id);
	return length == sizeof(greeting->file) &&
	    kept_find(KEPT_GREETING, file, &greeting->bytes,
		&greeting->length);
}

/* What the listener says in that state; on failure *why says why, and errno as
 * file_read() has it. */
static int
greeting_load(struct greeting *greeting, const struct conf *conf,
    const struct conf_listener *listener, enum state state, const char **why)
{
	const char *file = conf_text(conf, listener->greeting_file);
	struct conf_text text = text_of(listener, state);

	if (!greetings_has(listener, state))
		text.length = 0;
	if (state != STATE_READY || *file == '\0')
		return copy_text(greeting, conf, text, why) == -1 ? -1 :
		    finish(greeting, listener, false, why);
	if (!file_kept(greeting, file) && file_load(greeting, file, why) == -1)
		return -1;
	return greeting_of_file(greeting, listener, why);
}

static void
report_greeting(const struct conf *conf, size_t i, enum state state,
    const char *path, const char *why, struct report *report)
{
	const struct conf_listener *listener = &conf->listener[i];
	enum exit_status cause = cause_of(errno, EXIT_CONFIG);
	const char *file = conf_file(conf, listener, path);
	uint32_t line = listener->when_line[state];

	if (state == STATE_READY && listener->greeting_file.length > 0)
		report_failure(report, cause,
		    "%s:%u: listeners[%u].greeting_file: \"%s\": %s", file,
		    (unsigned)listener->greeting_file_line,
		    (unsigned)listener->place,
		    conf_text(conf, listener->greeting_file), why);
	else
		report_failure(report, cause, "%s:%u: listeners[%u].%s: %s",
		    file, (unsigned)(line > 0 ? line : listener->line),
		    (unsigned)listener->place, names[state], why);
}

static void
load_states(struct greeting *greetings, const struct conf *conf, uint32_t i,
    const char *path, struct report *report)
{
	const struct conf_listener *listener = &conf->listener[i];
	const char *why;
	unsigned state;

	for (state = 0; state < STATE_COUNT; state++)
		if (greeting_load(&greetings[greetings_index(i, state)], conf,
			listener, (enum state)state, &why) == -1)
			report_greeting(conf, i, (enum state)state, path, why,
			    report);
}

/* Those of the listener's rules; *next is where the first one's place is. */
static void
load_rules(struct greeting **next, const struct conf *conf,
    const struct conf_listener *listener, const char *path,
    struct report *report)
{
	const struct conf_rule *rule = &conf->rule[listener->first_rule];
	const struct conf_rule *end = rule + listener->n_rules;
	const char *why;

	for (; rule < end; rule++) {
		if (rule->greeting_line == 0)
			continue;
		if (copy_text(*next, conf, rule->greeting, &why) == -1 ||
		    finish(*next, listener, false, &why) == -1)
			report_failure(report, cause_of(errno, EXIT_CONFIG),
			    "%s:%u: listeners[%u].rules[%td].greeting: %s",
			    conf_file(conf, listener, path),
			    (unsigned)rule->greeting_line,
			    (unsigned)listener->place,
			    rule - &conf->rule[listener->first_rule], why);
		(*next)++;
	}
}

uint32_t
greetings_index(uint32_t listener, enum state state)
{
	return listener * STATE_COUNT + (uint32_t)state;
}

uint32_t
greetings_first_rule(const struct conf *conf)
{
	return greetings_index(conf->n_listeners, 0);
}

bool
greetings_has(const struct conf_listener *listener, enum state state)
{
	if (listener->format == CONF_FORMAT_AGENT)
		return false; /* its words are not the configuration's */
	return state != STATE_DRAIN || listener->when_line[state] != 0 ||
	    listener->format == CONF_FORMAT_HTTP;
}

size_t
greetings_count(const struct conf *conf)
{
	size_t i, n = greetings_first_rule(conf);

	for (i = 0; i < conf->n_rules; i++)
		n += conf->rule[i].greeting_line != 0;
	return n;
}

struct greeting *
greetings_load(
    const struct conf *conf, const char *path, struct report *report)
{
	size_t n = greetings_count(conf), errors = report->errors;
	struct greeting *greetings, *next;
	uint32_t i;

	greetings = calloc(n, sizeof(*greetings));
	if (greetings == NULL) {
		report_failure(report, EXIT_SYSTEM,
		    "%s: greetings: out of memory", path);
		return NULL;
	}
	for (i = 0; i < conf->n_listeners; i++)
		load_states(greetings, conf, i, path, report);
	next = greetings + greetings_first_rule(conf);
	for (i = 0; i < conf->n_listeners; i++)
		load_rules(&next, conf, &conf->listener[i], path, report);
	if (report->errors == errors)
		return greetings;
	greetings_free(greetings, n);
	return NULL;
}

void
greeting_free(struct greeting *greeting)
{
	free(greeting->bytes);
	free(greeting->texts);
	free(greeting->segments);
	*greeting = (struct greeting) { 0 };
}

void
greetings_free(struct greeting *greetings, size_t n)
{
	size_t i;

	if (greetings == NULL)
		return;
	for (i = 0; i < n; i++)
		greeting_free(&greetings[i]);
	free(greetings);
}
