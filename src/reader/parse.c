/* From the text of the configuration to struct conf. */
#include "config.h"

#include "reader/parse.h"

#include <libconfig.h>
#include <stdio.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/conflict.h"
#include "master/config/doubt.h"
#include "reader/position.h"
#include "reader/grammar.h"
#include "master/config/report.h"
#include "master/config/rule.h"
#include "master/config/suggest.h"
#include "reader/syntax.h"
#include "master/config/value.h"

#define PREFIX_MAX 40 /* "listeners[255].rules[63]." */
#define NAME_MAX_SHOWN 100 /* bytes of a key that a message shows */

/* Where the walk is. */
struct place {
	enum schema_scope scope;
	void *base; /* as scope says */
	const char *prefix; /* "", "listeners[0]." or "listeners[0].rules[0]." */
	const char *group; /* "", "limits." or, in the scope of rules, "rules." */
};

static void walk_group(struct parse *parse, const struct place *place,
    const config_setting_t *group);
static void parse_rules(struct parse *parse, const struct place *place,
    const config_setting_t *list);

static void
walk_key(struct parse *parse, const struct place *place,
    const struct schema_key *key, const config_setting_t *setting)
{
	size_t row = (size_t)(key - schema_keys);

	if (place->scope == SCHEMA_TOP) {
		parse->conf->given |= UINT64_C(1) << row;
		parse->conf->given_line[row] =
		    config_setting_source_line(setting);
	}
	/* They inherit from the other keys, so these come first. */
	if (key->type == SCHEMA_LISTENERS)
		return;
	if (key->type == SCHEMA_RULES)
		parse_rules(parse, place, setting);
	else
		value_store(parse, place->prefix, key, place->scope,
		    place->base, setting);
}

static void
walk_subgroup(struct parse *parse, const struct place *place, const char *name,
    const config_setting_t *setting)
{
	char group[NAME_MAX_SHOWN + 32];
	struct place inner = *place;

	if (config_setting_type(setting) != CONFIG_TYPE_GROUP) {
		snprintf(
		    group, sizeof(group), "a group, as in %s = { };", name);
		value_report_type(parse, place->prefix, name, setting, group);
		return;
	}
	snprintf(group, sizeof(group), "%s.", name);
	inner.group = group;
	walk_group(parse, &inner, setting);
}

static void
walk_setting(struct parse *parse, const struct place *place,
    const config_setting_t *setting)
{
	char name[NAME_MAX_SHOWN], hint[SUGGEST_TEXT_MAX];
	const struct schema_key *key;
	size_t hidden = place->scope == SCHEMA_RULE ? strlen(place->group) : 0;

	snprintf(name, sizeof(name), "%s%s", place->group,
	    config_setting_name(setting));
	key = schema_find(name);
	if (key != NULL && schema_has(key, place->scope))
		walk_key(parse, place, key, setting);
	else if (schema_is_group(name, place->scope))
		walk_subgroup(parse, place, name, setting);
	else
		parse_error(parse, config_setting_source_line(setting),
		    "%s%s: %s", place->prefix, name + hidden,
		    suggest_key(name, place->scope, hint));
}

static void
walk_group(struct parse *parse, const struct place *place,
    const config_setting_t *group)
{
	int i, n = config_setting_length(group);

	for (i = 0; i < n; i++)
		walk_setting(
		    parse, place, config_setting_get_elem(group, (unsigned)i));
}

/* The defaults of one scope; as_root matters to texts only. */
static void
set_defaults(
    struct parse *parse, enum schema_scope scope, void *base, bool as_root)
{
	const struct schema_key *key;
	const char *text;
	size_t i;

	for (i = 0; i < schema_n_keys; i++) {
		key = &schema_keys[i];
		if (!schema_has(key, scope) ||
		    (scope == SCHEMA_LISTENER && schema_has(key, SCHEMA_TOP)))
			continue; /* or it has that from the top */
		if (schema_is_number(key))
			schema_set_number(key, scope, base, key->number);
		if (!schema_is_text(key))
			continue;
		text = !as_root && key->text_user != NULL ? key->text_user
							  : key->text;
		text = text != NULL ? text : "";
		schema_set_text(key, scope, base,
		    parse_add_text(parse, text, strlen(text)));
	}
}

/* ---------------------------------------------------------------------- rules */

static void
parse_rule(struct parse *parse, const char *prefix,
    const config_setting_t *group)
{
	struct conf *conf = parse->conf;
	struct conf_rule *rule = &conf->rule[conf->n_rules++];
	struct place place = { SCHEMA_RULE, rule, prefix, "rules." };

	rule->line = config_setting_source_line(group);
	set_defaults(parse, SCHEMA_RULE, rule, false);
	walk_group(parse, &place, group);
	rule_check(parse, rule, prefix, group);
}

static void
parse_rules(struct parse *parse, const struct place *outer,
    const config_setting_t *list)
{
	const struct schema_key *key = schema_find("rules");
	struct conf_listener *listener = outer->base;
	int i, n = config_setting_length(list);
	char text[SCHEMA_TEXT_MAX], prefix[PREFIX_MAX];
	const config_setting_t *element;

	if (config_setting_type(list) != CONFIG_TYPE_LIST) {
		value_report_type(parse, outer->prefix, key->name, list,
		    schema_describe(key, text));
		return;
	}
	if (n > key->max || n > CONF_RULES_MAX - (int)parse->conf->n_rules) {
		parse_error(parse, config_setting_source_line(list),
		    "%srules: %d groups are too many, allowed are 0 to %d, and "
		    "%d in all listeners",
		    outer->prefix, n, (int)key->max, CONF_RULES_MAX);
		return;
	}
	for (i = 0; i < n; i++) {
		element = config_setting_get_elem(list, (unsigned)i);
		snprintf(prefix, sizeof(prefix), "%srules[%d].", outer->prefix,
		    i);
		if (config_setting_type(element) == CONFIG_TYPE_GROUP)
			parse_rule(parse, prefix, element);
		else
			value_report_type(parse, outer->prefix, "rules",
			    element, "a group, as in { from = \"any\"; "
			    "action = \"deny\"; }");
	}
	listener->n_rules = parse->conf->n_rules - listener->first_rule;
}

/* ------------------------------------------------------------------ listeners */

static void
set_address(struct parse *parse, struct conf_listener *listener)
{
	struct conf *conf = parse->conf;
	struct conf_address *address = &conf->address[conf->n_addresses];

	if (conf->n_addresses == CONF_ADDRESSES_MAX) {
		parse_error(parse, listener->line,
		    "listeners: too many addresses, allowed are %d",
		    CONF_ADDRESSES_MAX);
		return;
	}
	address_parse(schema_find("address")->text, address);
	address->line = listener->line;
	conf->n_addresses++;
	listener->n_addresses++;
}

/* What a listener needs that no key of it says. */
static void
complete_listener(
    struct parse *parse, struct conf_listener *listener, const char *prefix)
{
	struct conf *conf = parse->conf;
	char name[ADDRESS_TEXT_MAX];
	uint32_t i;

	for (i = 0; i < listener->n_addresses; i++)
		conf->address[listener->first_address + i].addr.port =
		    (uint16_t)listener->port;
	if (listener->name.length > 0)
		return;
	if (listener->n_addresses > 1) {
		parse_error(parse, listener->line,
		    "%sname: missing, a listener with %u addresses needs one",
		    prefix, (unsigned)listener->n_addresses);
		return;
	}
	conflict_default_name(conf, listener, name);
	listener->name = parse_add_text(parse, name, strlen(name));
}

static void
check_greetings(struct parse *parse, struct conf_listener *listener,
    const char *prefix, const config_setting_t *group)
{
	const config_setting_t *greeting, *file;

	greeting = config_setting_get_member(group, "greeting");
	file = config_setting_get_member(group, "greeting_file");
	if (file == NULL)
		return;
	listener->greeting_file_line = config_setting_source_line(file);
	listener->greeting.length = 0;
	listener->greeting.offset =
	    listener->name.offset + listener->name.length;
	if (greeting != NULL)
		parse_error(parse, config_setting_source_line(file),
		    "%sgreeting_file: the listener has a greeting too (line "
		    "%u), allowed is one of the two",
		    prefix, (unsigned)config_setting_source_line(greeting));
}

static struct conf_listener *
add_listener(struct parse *parse, unsigned line)
{
	struct conf *conf = parse->conf;
	struct conf_listener *listener = &conf->listener[conf->n_listeners++];

	set_defaults(parse, SCHEMA_LISTENER, listener, false);
	listener->log = conf->log;
	listener->limits = conf->limits;
	listener->timeouts = conf->timeouts;
	listener->refusals = conf->refusals;
	listener->first_address = conf->n_addresses;
	listener->first_rule = conf->n_rules;
	listener->line = line;
	return listener;
}

/* A listener with errors keeps its place (its number is in messages) but not
 * its addresses, which would be reported for what they are not. */
static void
parse_listener(struct parse *parse, const config_setting_t *group)
{
	struct conf *conf = parse->conf;
	size_t errors = parse->report->errors;
	char prefix[PREFIX_MAX];
	struct conf_listener *listener;
	struct place place;

	snprintf(prefix, sizeof(prefix), "listeners[%u].",
	    (unsigned)conf->n_listeners);
	listener = add_listener(parse, config_setting_source_line(group));
	place = (struct place){ SCHEMA_LISTENER, listener, prefix, "" };
	walk_group(parse, &place, group);
	if (config_setting_get_member(group, "address") == NULL)
		set_address(parse, listener);
	check_greetings(parse, listener, prefix, group);
	if (parse->report->errors == errors)
		complete_listener(parse, listener, prefix);
	if (parse->report->errors != errors) {
		conf->n_addresses = listener->first_address;
		listener->n_addresses = 0;
	}
}

static void
parse_element(struct parse *parse, const config_setting_t *element)
{
	char name[PREFIX_MAX];

	if (config_setting_type(element) == CONFIG_TYPE_GROUP) {
		parse_listener(parse, element);
		return;
	}
	snprintf(name, sizeof(name), "listeners[%u]",
	    (unsigned)parse->conf->n_listeners++);
	value_report_type(
	    parse, "", name, element, "a group, as in { port = 4444; }");
}

static void
parse_listeners(struct parse *parse, const config_setting_t *list)
{
	const struct schema_key *key = schema_find("listeners");
	char allowed[SCHEMA_TEXT_MAX];
	int i, n = config_setting_length(list);

	if (config_setting_type(list) != CONFIG_TYPE_LIST) {
		value_report_type(
		    parse, "", key->name, list, schema_describe(key, allowed));
		return;
	}
	if (n < key->min || n > key->max)
		parse_error(parse, config_setting_source_line(list),
		    "listeners: %d groups are out of range, allowed are %d to "
		    "%d",
		    n, (int)key->min, (int)key->max);
	for (i = 0; i < n && i < key->max; i++)
		parse_element(
		    parse, config_setting_get_elem(list, (unsigned)i));
}

static void
walk_tree(struct parse *parse, const config_t *tree, bool as_root)
{
	struct conf *conf = parse->conf;
	const config_setting_t *root = config_root_setting(tree);
	const config_setting_t *list;
	struct place place = { SCHEMA_TOP, conf, "", "" };
	struct conf_listener *listener;

	set_defaults(parse, SCHEMA_TOP, conf, as_root);
	walk_group(parse, &place, root);
	list = config_setting_get_member(root, "listeners");
	if (list != NULL) {
		parse_listeners(parse, list);
	} else {
		listener = add_listener(parse, 0);
		set_address(parse, listener);
		complete_listener(parse, listener, "");
	}
	conflict_find(conf, parse->path, parse->report);
	if (parse->report->errors == 0)
		doubt_find(conf, parse->path, parse->report);
}

int
parse_text(const char *text, size_t length, const char *path, bool as_root,
    struct conf *conf, struct report *report)
{
	struct report before;
	struct parse parse = { path, conf, report, &before };
	config_t tree;

	precheck(text, length, path, report);
	before = *report;
	/* Not with a text that libconfig would open a file for, or would see
	 * the half of. */
	if (report->errors > 0 &&
	    (strstr(text, "@include") != NULL || strlen(text) != length))
		return -1;
	config_init(&tree);
	if (config_read_string(&tree, text) == CONFIG_FALSE) {
		syntax_report(&parse, &tree, text, length);
		config_destroy(&tree);
		return -1;
	}
	lines_correct(&tree, text, length);
	walk_tree(&parse, &tree, as_root);
	config_destroy(&tree);
	return report->errors > 0 ? -1 : 0;
}
