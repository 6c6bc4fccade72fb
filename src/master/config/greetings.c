/* Making the bytes that listeners and rules send. */
#include "config.h"

#include "master/config/greetings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/conf.h"
#include "master/system/file.h"
#include "master/system/report.h"
#include "shared/greet.h"

/* The longest %{NAME} that is looked for: 1 MiB of "%{" costs no more. */
#define VARIABLE_MAX 128

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

/* The first %{NAME} of bytes that refusals know; its length, or 0. */
static size_t
find_variable(const char *bytes, size_t length, const char **found)
{
	const char *end = bytes + length, *close;
	struct greet_size size;
	size_t room;

	for (; bytes + 1 < end; bytes++) {
		if (bytes[0] != '%' || bytes[1] != '{')
			continue;
		room = (size_t)(end - bytes);
		close = memchr(
		    bytes, '}', room < VARIABLE_MAX ? room : VARIABLE_MAX);
		*found = bytes;
		if (close != NULL &&
		    greet_compile(bytes, (size_t)(close - bytes) + 1, NULL, 0,
			&size) == GREET_GOOD)
			return (size_t)(close - bytes) + 1;
	}
	return 0;
}

static int
copy_text(struct greeting *greeting, const struct conf *conf,
    struct conf_text text)
{
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

/* Makes one; on failure *why says why, and errno as file_read() has it. */
static int
load_greeting(struct greeting *greeting, const struct conf *conf,
    const struct conf_listener *listener, const char **why)
{
	*why = "out of memory";
	if (listener->greeting_file.length > 0) {
		if (file_read(conf_text(conf, listener->greeting_file),
			CONF_GREETING_MAX, FILE_OF_ANYBODY, &greeting->bytes,
			&greeting->length, why) == -1)
			return -1;
		*why = "out of memory";
	} else if (copy_text(greeting, conf, listener->greeting) == -1) {
		return -1;
	}
	return convert(greeting, listener);
}

static void
report_greeting(const struct conf *conf, size_t i, const char *path,
    const char *why, struct report *report)
{
	const struct conf_listener *listener = &conf->listener[i];

	if (listener->greeting_file.length > 0)
		report_failure(report, cause_of(errno, EXIT_CONFIG),
		    "%s:%u: listeners[%zu].greeting_file: \"%s\": %s", path,
		    (unsigned)listener->greeting_file_line, i,
		    conf_text(conf, listener->greeting_file), why);
	else
		report_failure(report, EXIT_SYSTEM,
		    "%s:%u: listeners[%zu].greeting: %s", path,
		    (unsigned)listener->line, i, why);
}

/* Those of the listener's rules; *next is where the first one's place is. */
static void
load_rules(struct greeting **next, const struct conf *conf,
    const struct conf_listener *listener, const char *path,
    struct report *report)
{
	const struct conf_rule *rule = &conf->rule[listener->first_rule];
	const struct conf_rule *end = rule + listener->n_rules;

	for (; rule < end; rule++) {
		if (rule->greeting_line == 0)
			continue;
		if (copy_text(*next, conf, rule->greeting) == -1 ||
		    convert(*next, listener) == -1)
			report_failure(report, EXIT_SYSTEM,
			    "%s:%u: listeners[%td].rules[%td].greeting: out of "
			    "memory",
			    path, (unsigned)rule->greeting_line,
			    listener - conf->listener,
			    rule - &conf->rule[listener->first_rule]);
		(*next)++;
	}
}

#define NO_VARIABLES \
	"has %.*s: greetings have no variables yet, it is sent as it is"

static void
warn_of_rules(const struct greeting **next, const struct conf *conf,
    const struct conf_listener *listener, const char *path,
    struct report *report)
{
	const struct conf_rule *first = &conf->rule[listener->first_rule];
	const struct conf_rule *rule;
	const char *name;
	size_t length;

	for (rule = first; rule < first + listener->n_rules; rule++) {
		if (rule->greeting_line == 0)
			continue;
		length = find_variable((*next)->bytes, (*next)->length, &name);
		if (length > 0)
			report_warning(report,
			    "%s:%u: "
			    "listeners[%td].rules[%td].greeting: " NO_VARIABLES,
			    path, (unsigned)rule->greeting_line,
			    listener - conf->listener, rule - first,
			    (int)length, name);
		(*next)++;
	}
}

/* greetings: all of conf, loaded. */
static void
warn_of_variables(const struct greeting *greetings,
    const struct conf *conf, const char *path, struct report *report)
{
	const struct greeting *next = greetings + conf->n_listeners;
	const struct conf_listener *listener;
	const char *name;
	size_t i, length;
	bool file;

	for (i = 0; i < conf->n_listeners; i++) {
		listener = &conf->listener[i];
		file = listener->greeting_file.length > 0;
		length = find_variable(
		    greetings[i].bytes, greetings[i].length, &name);
		if (length > 0)
			report_warning(report,
			    "%s:%u: listeners[%zu].greeting%s: " NO_VARIABLES,
			    path,
			    (unsigned)(file ? listener->greeting_file_line
					    : listener->line),
			    i, file ? "_file" : "", (int)length, name);
		warn_of_rules(&next, conf, listener, path, report);
	}
}

size_t
greetings_count(const struct conf *conf)
{
	size_t i, n = conf->n_listeners;

	for (i = 0; i < conf->n_rules; i++)
		n += conf->rule[i].greeting_line != 0;
	return n;
}

struct greeting *
greetings_load(
    const struct conf *conf, const char *path, struct report *report)
{
	size_t i, n = greetings_count(conf), errors = report->errors;
	struct greeting *greetings, *next;
	const char *why;

	greetings = calloc(n, sizeof(*greetings));
	if (greetings == NULL) {
		report_failure(report, EXIT_SYSTEM,
		    "%s: greetings: out of memory", path);
		return NULL;
	}
	for (i = 0; i < conf->n_listeners; i++)
		if (load_greeting(
			&greetings[i], conf, &conf->listener[i], &why) == -1)
			report_greeting(conf, i, path, why, report);
	next = greetings + conf->n_listeners;
	for (i = 0; i < conf->n_listeners; i++)
		load_rules(&next, conf, &conf->listener[i], path, report);
	if (report->errors == errors) {
		warn_of_variables(greetings, conf, path, report);
		return greetings;
	}
	greetings_free(greetings, n);
	return NULL;
}

void
greetings_free(struct greeting *greetings, size_t n)
{
	size_t i;

	if (greetings == NULL)
		return;
	for (i = 0; i < n; i++)
		free(greetings[i].bytes);
	free(greetings);
}
