/* The configuration as the parsing child sent it, checked as if an enemy had
 * written it. */
#include "config.h"

#include "master/config/recheck.h"

#include <string.h>

#include "master/config/address.h"
#include "master/config/text_check.h"
#include "master/config/conflict.h"
#include "master/config/network.h"
#include "master/config/report.h"
#include "master/config/schema.h"

#define LINE_MAX_ALLOWED (CONF_FILE_MAX + 1)

/* The functions below return NULL, or the name of what is wrong. */

static const char *
check_size(const struct conf *conf, size_t bytes)
{
	if (bytes < sizeof(*conf))
		return "size";
	if (conf->text_length > CONF_TEXT_MAX ||
	    bytes != sizeof(*conf) + conf->text_length)
		return "text_length";
	if (conf->n_listeners < 1 || conf->n_listeners > CONF_LISTENERS_MAX)
		return "n_listeners";
	if (conf->n_addresses < 1 || conf->n_addresses > CONF_ADDRESSES_MAX)
		return "n_addresses";
	if (conf->n_rules > CONF_RULES_MAX)
		return "n_rules";
	if (conf->n_nets > CONF_NETS_MAX)
		return "n_nets";
	return NULL;
}

static const char *
check_given(const struct conf *conf)
{
	bool given, line;
	size_t i;

	for (i = 0; i < CONF_KEYS_MAX; i++) {
		given = (conf->given >> i & 1) != 0;
		line = conf->given_line[i] != 0;
		if (given != line || conf->given_line[i] > LINE_MAX_ALLOWED)
			return "given_line";
		if (given &&
		    (i >= schema_n_keys ||
			!schema_has(&schema_keys[i], SCHEMA_TOP)))
			return "given";
	}
	return NULL;
}

/* A default needs no check: it may be more than can be written. */
static bool
is_text_right(const struct conf *conf, const struct schema_key *key,
    struct conf_text place)
{
	const char *text;

	if (place.offset >= conf->text_length ||
	    place.length >= conf->text_length - place.offset)
		return false;
	text = conf->text + place.offset;
	if (memchr(text, '\0', (size_t)place.length + 1) != text + place.length)
		return false;
	if (key->text != NULL && strcmp(text, key->text) == 0)
		return true;
	return schema_allows(key, place.length) &&
	    check_text(key, text, place.length) == NULL;
}

static const char *
check_keys(const struct conf *conf, enum schema_scope scope, const void *base)
{
	const struct schema_key *key;
	int64_t number;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!schema_has(key, scope))
			continue;
		number = schema_is_number(key) ? schema_number(key, scope, base)
					       : key->number;
		if (number != key->number && !schema_allows(key, number))
			return key->name;
		if (schema_is_text(key) &&
		    !is_text_right(conf, key, schema_text(key, scope, base)))
			return key->name;
	}
	return NULL;
}

/* What a listener has no key for, it has from the top. */
static bool
has_top_values(const struct conf *conf, const struct conf_listener *listener)
{
	return listener->log.target == conf->log.target &&
	    listener->log.facility == conf->log.facility &&
	    listener->log.level == conf->log.level &&
	    listener->timeouts.shutdown_ms == conf->timeouts.shutdown_ms;
}

/* A default that cannot be written: only the top can have passed it on. */
static const char *
check_unwritten(const struct conf *conf, const struct conf_listener *listener)
{
	const struct schema_key *key;
	int64_t number;

	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!schema_has(key, SCHEMA_LISTENER) ||
		    !schema_has(key, SCHEMA_TOP) || !schema_is_number(key))
			continue;
		number = schema_number(key, SCHEMA_LISTENER, listener);
		if (!schema_allows(key, number) &&
		    number != schema_number(key, SCHEMA_TOP, conf))
			return key->name;
	}
	return NULL;
}

static const char *
check_listener(const struct conf *conf, const struct conf_listener *listener)
{
	const char *wrong = check_keys(conf, SCHEMA_LISTENER, listener);

	if (wrong == NULL)
		wrong = check_unwritten(conf, listener);
	if (wrong != NULL)
		return wrong;
	if (listener->line > LINE_MAX_ALLOWED ||
	    listener->greeting_file_line > LINE_MAX_ALLOWED)
		return "line";
	if ((listener->greeting_file.length > 0) !=
	    (listener->greeting_file_line > 0))
		return "greeting_file_line";
	if (listener->greeting_file.length > 0 && listener->greeting.length > 0)
		return "greeting and greeting_file";
	if (!has_top_values(conf, listener))
		return "log or timeouts";
	return NULL;
}

static const char *
check_addresses(const struct conf *conf, const struct conf_listener *listener)
{
	const struct conf_address *address;
	uint32_t i;

	for (i = 0; i < listener->n_addresses; i++) {
		address = &conf->address[listener->first_address + i];
		if (address_check(address) != NULL ||
		    address->addr.port != listener->port ||
		    address->line > LINE_MAX_ALLOWED)
			return "address";
	}
	return NULL;
}

static bool
are_nets_right(const struct conf *conf, struct conf_nets nets, bool any_allowed)
{
	const struct conf_net *net = conf->net + nets.first;
	const struct conf_net *end = net + nets.n;

	for (; net < end; net++)
		if (net_check(net, any_allowed) != NULL ||
		    net->line > LINE_MAX_ALLOWED)
			return false;
	return true;
}

/* limits.exempt and the rules share the networks out in their order, without a
 * rest. */
static const char *
check_rules(const struct conf *conf)
{
	const struct conf_rule *rule = conf->rule;
	uint32_t next = conf->exempt.n;
	const char *wrong;

	if (conf->exempt.first != 0 || next > conf->n_nets ||
	    !are_nets_right(conf, conf->exempt, false))
		return "limits.exempt";
	for (; rule < conf->rule + conf->n_rules; rule++) {
		if (rule->from.first != next || rule->from.n < 1 ||
		    rule->from.n > conf->n_nets - next ||
		    !are_nets_right(conf, rule->from, true))
			return "rules.from";
		next += rule->from.n;
		wrong = check_keys(conf, SCHEMA_RULE, rule);
		if (wrong != NULL)
			return wrong;
		if (rule->line > LINE_MAX_ALLOWED ||
		    rule->greeting_line > LINE_MAX_ALLOWED)
			return "rules line";
		if (rule->greeting.length > 0 &&
		    (rule->greeting_line == 0 ||
			(rule->action == CONF_DENY &&
			    rule->greeting.length > CONF_DENIAL_MAX)))
			return "rules.greeting";
	}
	return next != conf->n_nets ? "n_nets" : NULL;
}

/* The listeners share the addresses and the rules out in their order, without a
 * rest. */
static const char *
check_listeners(const struct conf *conf)
{
	const struct conf_listener *listener = conf->listener;
	const struct conf_listener *end = listener + conf->n_listeners;
	const char *wrong = NULL;
	uint32_t next = 0, rule = 0;

	for (; listener < end && wrong == NULL; listener++) {
		if (listener->first_address != next ||
		    listener->n_addresses < 1 ||
		    listener->n_addresses > conf->n_addresses - next)
			return "first_address";
		if (listener->first_rule != rule ||
		    listener->n_rules > CONF_LISTENER_RULES_MAX ||
		    listener->n_rules > conf->n_rules - rule)
			return "first_rule";
		next += listener->n_addresses;
		rule += listener->n_rules;
		wrong = check_listener(conf, listener);
		if (wrong == NULL)
			wrong = check_addresses(conf, listener);
	}
	if (wrong == NULL && next != conf->n_addresses)
		return "n_addresses";
	if (wrong == NULL && rule != conf->n_rules)
		return "n_rules";
	return wrong;
}

int
conf_recheck(const struct conf *conf, size_t bytes, const char *path,
    struct report *report)
{
	size_t errors = report->errors;
	const char *wrong = check_size(conf, bytes);

	if (wrong == NULL)
		wrong = check_given(conf);
	if (wrong == NULL)
		wrong = check_keys(conf, SCHEMA_TOP, conf);
	if (wrong == NULL)
		wrong = check_listeners(conf);
	if (wrong == NULL)
		wrong = check_rules(conf);
	if (wrong != NULL) {
		report_error(report, "%s: the parser's answer is broken: %s",
		    path, wrong);
		return -1;
	}
	conflict_find(conf, path, report);
	return report->errors > errors ? -1 : 0;
}
