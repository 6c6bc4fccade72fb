/* Questions to a configuration that has been loaded. */
#include "config.h"

#include "master/config/conf.h"

#include <stdio.h>
#include <string.h>

#include "master/config/report.h"
#include "master/config/schema.h"
#include "master/system/daemonize.h"

const char *
conf_text(const struct conf *conf, struct conf_text text)
{
	return conf->text + text.offset;
}

bool
conf_given(const struct conf *conf, const char *key)
{
	const struct schema_key *row = schema_find(key);

	return row != NULL && (conf->given >> (row - schema_keys) & 1) != 0;
}

uint32_t
conf_line(const struct conf *conf, const char *key)
{
	const struct schema_key *row = schema_find(key);

	return row != NULL ? conf->given_line[row - schema_keys] : 0;
}

/* The value of a top-level key as it would be written. */
static const char *
format_key(const struct conf *conf, const struct schema_key *key, char *text)
{
	if (schema_is_number(key))
		return schema_format(
		    key, schema_number(key, SCHEMA_TOP, conf), text);
	snprintf(text, SCHEMA_TEXT_MAX, "\"%.100s\"",
	    conf_text(conf, schema_text(key, SCHEMA_TOP, conf)));
	return text;
}

static bool
has_changed(const struct conf *running, const struct conf *fresh,
    const struct schema_key *key)
{
	if (schema_is_number(key))
		return schema_number(key, SCHEMA_TOP, running) !=
		    schema_number(key, SCHEMA_TOP, fresh);
	return strcmp(conf_text(running, schema_text(key, SCHEMA_TOP, running)),
		   conf_text(fresh, schema_text(key, SCHEMA_TOP, fresh))) != 0;
}

/* Every text has its NUL. */
static void
clear(struct conf_text *text)
{
	text->offset += text->length;
	text->length = 0;
}

void
conf_in_effect(struct conf *conf, bool foreground, bool as_root)
{
	if (foreground && !conf_given(conf, "pid_file"))
		clear(&conf->pid_file);
	if (as_root)
		return;
	clear(&conf->user);
	clear(&conf->group);
}

/* A daemon that logged elsewhere when it went to the background has none. */
static void
check_stderr(
    const struct conf *fresh, const char *path, struct report *report)
{
	if (fresh->log.target == CONF_LOG_STDERR && !daemonize_has_stderr())
		report_error(report,
		    "%s:%u: log.target: \"stderr\" cannot be set by a reload: "
		    "it was given up when the daemon went to the background, "
		    "restart it",
		    path, (unsigned)conf_line(fresh, "log.target"));
}

void
conf_check_reload(const struct conf *running, const struct conf *fresh,
    const char *path, struct report *report)
{
	char before[SCHEMA_TEXT_MAX], after[SCHEMA_TEXT_MAX], line[16];
	const struct schema_key *key;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!key->restart || !has_changed(running, fresh, key))
			continue;
		/* A key that was taken out has no line. */
		snprintf(line, sizeof(line), ":%u",
		    (unsigned)fresh->given_line[key - schema_keys]);
		report_error(report,
		    "%s%s: %s: %s cannot be set by a reload, allowed is %s "
		    "until a restart",
		    path, line[1] != '0' ? line : "", key->name,
		    format_key(fresh, key, after),
		    format_key(running, key, before));
	}
	check_stderr(fresh, path, report);
}
