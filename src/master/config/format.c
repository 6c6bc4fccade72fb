/* What a listener sends, and what its format allows. */
#include "config.h"

#include "master/config/format.h"

#include <stddef.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/entries.h"
#include "master/config/network.h"
#include "master/config/value.h"
#include "master/system/report.h"

/* What a format cannot be told. */
static const struct exclusion {
	int64_t format;
	const char *key;
	const char *why;
} exclusions[] = {
	{ CONF_FORMAT_HTTP, "hold", "an answer ends the connection" },
	{ CONF_FORMAT_AGENT, "hold", "the end of the line is the answer's" },
	{ CONF_FORMAT_AGENT, "greeting", "the state is the answer" },
	{ CONF_FORMAT_AGENT, "greeting_file", "the state is the answer" },
	{ CONF_FORMAT_AGENT, "pick", "the state is the answer" },
	{ CONF_FORMAT_AGENT, "when", "the state is the answer" },
	{ CONF_FORMAT_AGENT, "refusals", "a refusal says nothing" },
};

static const char *
format_name(int64_t format)
{
	return format == CONF_FORMAT_HTTP ? "http" :
	    format == CONF_FORMAT_AGENT	  ? "agent" :
					    "plain";
}

/* hold = false says what is so anyway. */
static bool
is_excluded(const struct conf_listener *listener,
    const struct exclusion *exclusion, const struct entry *entry)
{
	return entry != NULL && listener->format == exclusion->format &&
	    (listener->hold || entry->type != ENTRY_BOOLEAN);
}

static void
check_format(const struct draft *draft, const struct conf_listener *listener,
    const char *prefix, const struct entry *group)
{
	const struct entry *entry;
	size_t i;

	for (i = 0; i < sizeof(exclusions) / sizeof(exclusions[0]); i++) {
		entry = entries_find(draft->entries, group, exclusions[i].key);
		if (is_excluded(listener, &exclusions[i], entry))
			value_error(draft, entry->line,
			    "%s%s: cannot be with format = \"%s\": %s", prefix,
			    exclusions[i].key, format_name(listener->format),
			    exclusions[i].why);
	}
}

bool
format_uses(const struct conf_listener *listener, const char *key)
{
	size_t i, length;

	if (strncmp(key, "proxy_protocol.", strlen("proxy_protocol.")) == 0)
		return conf_is_proxied(listener);
	if (strcmp(key, "content_type") == 0)
		return listener->format == CONF_FORMAT_HTTP;
	if (strcmp(key, "pick") == 0 && listener->greeting_file.length == 0)
		return false;
	if (strcmp(key, "when.drain") == 0 &&
	    listener->format == CONF_FORMAT_PLAIN)
		return listener->when_line[STATE_DRAIN] != 0;
	for (i = 0; i < sizeof(exclusions) / sizeof(exclusions[0]); i++) {
		length = strlen(exclusions[i].key);
		if (listener->format == exclusions[i].format &&
		    strncmp(key, exclusions[i].key, length) == 0 &&
		    (key[length] == '\0' || key[length] == '.'))
			return false;
	}
	return true;
}

static uint32_t
line_of(const struct draft *draft, const struct entry *group, const char *key)
{
	const struct entry *entry = entries_find(draft->entries, group, key);

	return entry != NULL ? entry->line : 0;
}

/* The line of a key in a group of the listener, 0 when it has none. */
static uint32_t
line_in(const struct draft *draft, const struct entry *listener,
    const char *group, const char *key)
{
	const struct entry *entry =
	    entries_find(draft->entries, listener, group);

	return entry != NULL && entry->type == ENTRY_GROUP
		? line_of(draft, entry, key) : 0;
}

static void
note_lines(const struct draft *draft, struct conf_listener *listener,
    const struct entry *group)
{
	uint32_t *line = listener->when_line;
	unsigned why;

	line[STATE_READY] = line_of(draft, group, "greeting");
	listener->greeting_file_line = line_of(draft, group, "greeting_file");
	line[STATE_DRAIN] = line_in(draft, group, "when", "drain");
	line[STATE_MAINTENANCE] = line_in(draft, group, "when", "maintenance");
	line[STATE_DOWN] = line_in(draft, group, "when", "down");
	for (why = 0; why < REFUSAL_COUNT; why++)
		listener->refusal_line[why] = line_in(draft, group, "refusals",
		    refusal_name((enum refusal)why));
}

/* The line of a timeout that the listener has, of its own or from the top, and
 * its file. */
static uint32_t
timeout_line(const struct draft *draft, const struct entry *group,
    const char *name, const char **path)
{
	uint32_t line =
	    line_in(draft, group, "timeouts", strchr(name, '.') + 1);

	*path = line != 0 ? draft->path : draft->top;
	return line != 0 ? line : schema_line(draft->conf, name);
}

/* The session ends before that time-out, which is part of it, could. */
static void
check_timeout(const struct draft *draft, const struct conf_listener *listener,
    const char *prefix, const struct entry *group, const char *part)
{
	static const char session[] = "timeouts.session";
	int64_t whole_ms = listener->timeouts.session_ms;
	int64_t part_ms =
	    schema_number(schema_find(part), SCHEMA_LISTENER, listener);
	char own[SCHEMA_TEXT_MAX], other[SCHEMA_TEXT_MAX];
	const char *path;
	uint32_t line = timeout_line(draft, group, session, &path);

	if (whole_ms >= part_ms)
		return;
	if (line == 0)
		line = timeout_line(draft, group, part, &path);
	report_warning(draft->report,
	    "%s:%u: %s%s: %s is shorter than %s, %s, which can never be "
	    "reached",
	    path, (unsigned)line, prefix, session,
	    schema_format(schema_find(session), whole_ms, own), part,
	    schema_format(schema_find(part), part_ms, other));
}

/* Over a UNIX socket, where who may connect is a matter of the file. */
static void
check_trusted_users(const struct draft *draft,
    const struct conf_listener *listener, const char *prefix)
{
	if (!network_has_any(draft->conf, listener->proxy.trusted))
		value_error(draft, listener->proxy.line,
		    "%sproxy_protocol.trusted: clients of a UNIX socket have "
		    "no address, expected \"any\" (socket_mode says who may "
		    "connect)",
		    prefix);
}

/* Anybody who can connect could claim to be somebody else. */
static void
check_trusted(const struct draft *draft, const struct conf_listener *listener,
    const char *prefix)
{
	struct conf_nets trusted = listener->proxy.trusted;
	const struct conf_net *net = &draft->conf->net[trusted.first];
	const struct conf_net *end = net + trusted.n;

	for (; net < end; net++)
		if (net->prefix == 0)
			report_warning(draft->report,
			    "%s:%u: %sproxy_protocol.trusted: anybody can "
			    "connect there and claim to be somebody else; "
			    "expected the addresses of the proxies",
			    draft->path, (unsigned)net->line, prefix);
}

static void
check_proxy(const struct draft *draft, struct conf_listener *listener,
    const char *prefix, const struct entry *group)
{
	uint32_t line = line_of(draft, group, "proxy_protocol");

	listener->proxy.line =
	    line_in(draft, group, "proxy_protocol", "trusted");
	if (line != 0 && listener->proxy.line == 0)
		value_error(draft, line,
		    "%sproxy_protocol.trusted: missing, expected the "
		    "networks of the proxies, whose headers are believed",
		    prefix);
	if (!conf_is_proxied(listener))
		return;
	if (address_are_unix(draft->conf, listener))
		check_trusted_users(draft, listener, prefix);
	else
		check_trusted(draft, listener, prefix);
	check_timeout(draft, listener, prefix, group, "timeouts.proxy");
}

static void
check_rules(const struct draft *draft, const struct conf_listener *listener,
    const char *prefix)
{
	const struct conf_rule *first =
	    &draft->conf->rule[listener->first_rule];
	const struct conf_rule *rule;

	for (rule = first; rule < first + listener->n_rules; rule++)
		if (rule->greeting_line != 0)
			value_error(draft, rule->greeting_line,
			    "%srules[%td].greeting: cannot be with format = "
			    "\"agent\": the state is the answer",
			    prefix, rule - first);
}

/* Without a file there is nothing to pick from. */
static void
check_pick(const struct draft *draft, const struct conf_listener *listener,
    const char *prefix, const struct entry *group)
{
	if (listener->pick != CONF_PICK_WHOLE &&
	    listener->format != CONF_FORMAT_AGENT)
		value_error(draft, line_of(draft, group, "pick"),
		    "%spick: needs greeting_file: it picks one of the texts "
		    "in a file", prefix);
}

void
format_check(const struct draft *draft, struct conf_listener *listener,
    const char *prefix, const struct entry *group)
{
	uint32_t line = line_of(draft, group, "content_type");

	if (line != 0 && listener->format != CONF_FORMAT_HTTP)
		report_warning(draft->report,
		    "%s:%u: %scontent_type: has no effect without format = "
		    "\"http\"",
		    draft->path, (unsigned)line, prefix);
	note_lines(draft, listener, group);
	check_format(draft, listener, prefix, group);
	if (listener->format == CONF_FORMAT_HTTP)
		check_timeout(
		    draft, listener, prefix, group, "timeouts.request");
	check_proxy(draft, listener, prefix, group);
	if (listener->format == CONF_FORMAT_AGENT)
		check_rules(draft, listener, prefix);
	if (listener->greeting_file_line == 0) {
		check_pick(draft, listener, prefix, group);
		return;
	}
	line = listener->when_line[STATE_READY];
	listener->greeting.length = 0;
	listener->greeting.offset =
	    listener->name.offset + listener->name.length;
	if (line != 0)
		value_error(draft, listener->greeting_file_line,
		    "%sgreeting_file: the listener has a greeting too (line "
		    "%u), expected only one of the two",
		    prefix, (unsigned)line);
}
