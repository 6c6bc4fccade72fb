/* What is wrong with settings that are each fine. */
#include "config.h"

#include "master/config/verdict.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/conflicts.h"
#include "master/config/network.h"
#include "master/config/schema.h"
#include "master/system/daemonize.h"
#include "master/system/report.h"

/* ------------------------------------------------ without an effect */

/* The rule of rules, before late, that has all of the network; or NULL. */
static const struct conf_rule *
find_cover(const struct conf *conf, const struct conf_rule *rules,
    const struct conf_rule *late, const struct conf_net *net)
{
	const struct conf_rule *rule;
	uint32_t i;

	for (rule = rules; rule < late; rule++)
		for (i = 0; i < rule->from.n; i++)
			if (network_covers(&conf->net[rule->from.first + i], net))
				return rule;
	return NULL;
}

/* The rule whose networks cover the last of late's, when all are covered. */
static const struct conf_rule *
find_covers(const struct conf *conf, const struct conf_rule *rules,
    const struct conf_rule *late)
{
	const struct conf_rule *cover = NULL;
	uint32_t i;

	for (i = 0; i < late->from.n; i++) {
		cover = find_cover(
		    conf, rules, late, &conf->net[late->from.first + i]);
		if (cover == NULL)
			return NULL;
	}
	return cover;
}

/* Networks beside a UNIX socket, whose clients have no address. */
static bool
is_for_nobody(const struct conf *conf, const struct conf_listener *listener,
    const struct conf_rule *rule)
{
	return address_are_unix(conf, listener) &&
	    !network_has_any(conf, rule->from);
}

static void
find_dead_rules(const struct conf *conf, const struct conf_listener *listener,
    const char *path, struct report *report)
{
	const struct conf_rule *rules = &conf->rule[listener->first_rule];
	const struct conf_rule *rule, *cover;

	for (rule = rules; rule < rules + listener->n_rules; rule++) {
		if (is_for_nobody(conf, listener, rule)) {
			report_warning(report,
			    "%s:%u: listeners[%u].rules[%td].from: can never "
			    "match: clients of a UNIX socket have no address, "
			    "only \"any\" is for them",
			    conf_file(conf, listener, path),
			    (unsigned)rule->line, (unsigned)listener->place,
			    rule - rules);
			continue;
		}
		cover = find_covers(conf, rules, rule);
		if (cover != NULL)
			report_warning(report,
			    "%s:%u: listeners[%u].rules[%td].from: can never "
			    "match: rules before it cover its addresses, "
			    "rules[%td] (line %u) the last of them",
			    conf_file(conf, listener, path),
			    (unsigned)rule->line, (unsigned)listener->place,
			    rule - rules,
			    cover - rules, (unsigned)cover->line);
	}
}

/* True when neither the daemon nor a listener has that rate. */
static bool
is_without(const struct conf *conf, const char *rate)
{
	const struct schema_key *key = schema_find(rate);
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		if (schema_number(key, SCHEMA_LISTENER, &conf->listener[i]) > 0)
			return false;
	return schema_number(key, SCHEMA_TOP, conf) == 0;
}

static void
find_burst(const struct conf *conf, const char *burst, const char *rate,
    const char *path, struct report *report)
{
	if (schema_given(conf, burst) && is_without(conf, rate))
		report_warning(report,
		    "%s:%u: %s: has no effect while %s is 0 (no limit)", path,
		    (unsigned)schema_line(conf, burst), burst, rate);
}

static void
find_doubts(const struct conf *conf, const char *path, struct report *report)
{
	static const char per_source[] = "limits.max_clients_per_source";
	const struct conf_limits *limits = &conf->limits;
	uint32_t i;

	if (schema_given(conf, per_source) &&
	    limits->max_clients_per_source > limits->max_clients)
		report_warning(report,
		    "%s:%u: %s: %" PRId64 " can never be reached, "
		    "limits.max_clients is %" PRId64,
		    path, (unsigned)schema_line(conf, per_source), per_source,
		    limits->max_clients_per_source, limits->max_clients);
	for (i = 0; i < conf->n_listeners; i++)
		find_dead_rules(conf, &conf->listener[i], path, report);
	find_burst(conf, "limits.burst", "limits.rate", path, report);
	find_burst(conf, "limits.burst_per_source", "limits.rate_per_source",
	    path, report);
}

void
verdict_find(const struct conf *conf, const char *path, struct report *report)
{
	conflicts_find(conf, path, report);
	if (report->errors == 0)
		find_doubts(conf, path, report);
}

/* ------------------------------------------------ beside what runs */

size_t
verdict_values(
    const struct conf *conf, struct verdict_value values[VERDICT_VALUES_MAX])
{
	const struct schema_key *key;
	char number[SCHEMA_TEXT_MAX];
	size_t n = 0;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!key->restart || n == VERDICT_VALUES_MAX)
			continue;
		snprintf(values[n].name, sizeof(values[n].name), "%s",
		    key->name);
		snprintf(values[n].text, sizeof(values[n].text), "%s",
		    schema_is_number(key) ?
			schema_format(key,
			    schema_number(key, SCHEMA_TOP, conf), number) :
			conf_text(conf, schema_text(key, SCHEMA_TOP, conf)));
		n++;
	}
	return n;
}

/* For a message. */
static const char *
quote(const struct schema_key *key, const struct verdict_value *value,
    char text[SCHEMA_TEXT_MAX])
{
	const char *mark = schema_is_number(key) ? "" : "\"";

	snprintf(text, SCHEMA_TEXT_MAX, "%s%.100s%s", mark, value->text, mark);
	return text;
}

/* Every text has its NUL. */
static void
clear(struct conf_text *text)
{
	text->offset += text->length;
	text->length = 0;
}

void
verdict_in_effect(struct conf *conf, bool foreground, bool as_root)
{
	if (foreground && !schema_given(conf, "pid_file"))
		clear(&conf->pid_file);
	if (as_root)
		return;
	clear(&conf->user);
	clear(&conf->group);
}

/* A daemon that logged elsewhere when it went to the background has none. */
static void
check_stderr(const struct conf *fresh, const char *path, const char *how,
    struct report *report)
{
	if (fresh->log.target == CONF_LOG_STDERR && !daemonize_has_stderr())
		report_error(report,
		    "%s:%u: log.target: \"stderr\" cannot be set by %s: "
		    "it was given up when the daemon went to the background, "
		    "restart it",
		    path, (unsigned)schema_line(fresh, "log.target"), how);
}

/* NULL: it is not among them. */
static const struct verdict_value *
value_find(const struct verdict_value *values, size_t n, const char *name)
{
	const struct verdict_value *value;

	for (value = values; value < values + n; value++)
		if (strcmp(value->name, name) == 0)
			return value;
	return NULL;
}

static void
compare(const struct verdict_value *before, const struct verdict_value *value,
    const struct conf *fresh, const char *path, const char *how,
    struct report *report)
{
	const struct schema_key *key = schema_find(value->name);
	char was[SCHEMA_TEXT_MAX], is[SCHEMA_TEXT_MAX], line[16];

	if (before == NULL || strcmp(before->text, value->text) == 0)
		return;
	/* A key that was taken out has no line. */
	snprintf(line, sizeof(line), ":%u",
	    (unsigned)fresh->given_line[key - schema_keys]);
	report_error(report,
	    "%s%s: %s: %s cannot be set by %s, expected %s until a restart",
	    path, line[1] != '0' ? line : "", key->name, quote(key, value, is),
	    how, quote(key, before, was));
}

static void
compare_all(const struct verdict_value *values, size_t n,
    const struct conf *fresh, const char *path, const char *how,
    struct report *report)
{
	static struct verdict_value list[VERDICT_VALUES_MAX];
	size_t i, n_fresh = verdict_values(fresh, list);

	for (i = 0; i < n_fresh; i++)
		compare(value_find(values, n, list[i].name), &list[i], fresh,
		    path, how, report);
	check_stderr(fresh, path, how, report);
}

void
verdict_reload(const struct conf *running, const struct conf *fresh,
    const char *path, struct report *report)
{
	static struct verdict_value values[VERDICT_VALUES_MAX];

	compare_all(values, verdict_values(running, values), fresh, path,
	    "a reload", report);
}

void
verdict_upgrade(const struct verdict_value *values, size_t n,
    const struct conf *fresh, const char *path, struct report *report)
{
	compare_all(values, n, fresh, path, "an upgrade", report);
}
