/* From what the reader says to struct conf. */
#include "config.h"

#include "master/config/settings.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/format.h"
#include "master/config/suggest.h"
#include "master/config/value.h"
#include "master/config/verdict.h"
#include "master/system/report.h"
#include "master/system/siphash.h"

#define PREFIX_MAX 40 /* "listeners[255].rules[63]." */
#define NAME_ROOM (ENTRY_NAME_MAX + 1)
#define GROUP_MAX 32 /* bytes of a group's name, with its dot */

/* Where the walk is. */
struct place {
	enum schema_scope scope;
	void *base; /* as scope says */
	const char *prefix; /* "", "listeners[0]." or "listeners[0].rules[0]." */
	const char *group; /* "", "limits." or, in the scope of rules, "rules." */
	uint64_t *seen; /* bit i: row i of the schema stood there */
};

static_assert(CONF_KEYS_MAX <= 64, "place.seen has a bit for each row");

static void walk_group(const struct draft *draft, const struct place *place,
    const struct entry *group);
static void make_rules(const struct draft *draft, const struct place *place,
    const struct entry *list);

/* The reader of ours lets no key pass twice. */
static bool
is_second(const struct draft *draft, const struct place *place,
    const struct schema_key *key, const struct entry *entry)
{
	uint64_t bit = UINT64_C(1) << (key - schema_keys);

	if ((*place->seen & bit) == 0) {
		*place->seen |= bit;
		return false;
	}
	value_error(draft, entry->line, "%s%s: duplicate key, expected one",
	    place->prefix, schema_name_in(key, place->scope));
	return true;
}

static void
walk_key(const struct draft *draft, const struct place *place,
    const struct schema_key *key, const struct entry *entry)
{
	if (place->scope == SCHEMA_TOP)
		draft->conf->given_line[key - schema_keys] = entry->line;
	/* They inherit from the other keys, so these come first. */
	if (key->type == SCHEMA_LISTENERS)
		return;
	if (key->type == SCHEMA_RULES)
		make_rules(draft, place, entry);
	else
		value_store(draft, place->prefix, key, place->scope,
		    place->base, entry);
}

static void
walk_subgroup(const struct draft *draft, const struct place *place, const char *name,
    const struct entry *entry)
{
	char text[GROUP_MAX + 32];
	struct place inner = *place;

	if (entry->type != ENTRY_GROUP) {
		snprintf(text, sizeof(text), "a group, as in %.*s = { };",
		    GROUP_MAX, name);
		value_report_type(draft, place->prefix, name, entry, text);
		return;
	}
	snprintf(text, sizeof(text), "%.*s.", GROUP_MAX, name);
	inner.group = text;
	walk_group(draft, &inner, entry);
}

static void
walk_setting(const struct draft *draft, const struct place *place,
    const struct entry *entry)
{
	char name[GROUP_MAX + NAME_ROOM], hint[SUGGEST_TEXT_MAX];
	const struct schema_key *key;
	size_t hidden = place->scope == SCHEMA_RULE ? strlen(place->group) : 0;

	snprintf(name, sizeof(name), "%s%s", place->group, entry->name);
	key = schema_find(name);
	if (key != NULL && schema_has(key, place->scope)) {
		if (!is_second(draft, place, key, entry))
			walk_key(draft, place, key, entry);
	} else if (schema_is_group(name, place->scope)) {
		walk_subgroup(draft, place, name, entry);
	} else {
		value_error(draft, entry->line, "%s%s: %s", place->prefix,
		    name + hidden, suggest_key(name, place->scope, hint));
	}
}

static void
walk_group(const struct draft *draft, const struct place *place,
    const struct entry *group)
{
	const struct entry *entry = entries_first(group);

	for (; entry != NULL;
	     entry = entries_next(draft->entries, group, entry))
		walk_setting(draft, place, entry);
}

/* ---------------------------------------------------------------------- rules */

/* It has no defaults for whom it is and what it does. */
static void
check_rule(const struct draft *draft, struct conf_rule *rule,
    const char *prefix, const struct entry *group)
{
	static const char *const needed[] = { "rules.from", "rules.action" };
	const struct entry *greeting =
	    entries_find(draft->entries, group, "greeting");
	char text[SCHEMA_TEXT_MAX];
	const char *name;
	size_t i;

	for (i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		name = strchr(needed[i], '.') + 1;
		if (entries_find(draft->entries, group, name) == NULL)
			value_error(draft, rule->line,
			    "%s%s: missing, expected %s", prefix, name,
			    schema_describe(schema_find(needed[i]), text));
	}
	if (greeting == NULL)
		return;
	rule->greeting_line = greeting->line;
	if (rule->action == CONF_DENY &&
	    rule->greeting.length > CONF_DENIAL_MAX)
		value_error(draft, rule->greeting_line,
		    "%sgreeting: is %u bytes long, expected 0 to %u with "
		    "action = \"deny\"",
		    prefix, (unsigned)rule->greeting.length, CONF_DENIAL_MAX);
}

static void
make_rule(const struct draft *draft, const char *prefix,
    const struct entry *group)
{
	struct conf *conf = draft->conf;
	struct conf_rule *rule = &conf->rule[conf->n_rules++];
	uint64_t seen = 0;
	struct place place = { SCHEMA_RULE, rule, prefix, "rules.", &seen };

	rule->line = group->line;
	value_defaults(draft, SCHEMA_RULE, rule, false);
	walk_group(draft, &place, group);
	check_rule(draft, rule, prefix, group);
}

static void
make_rules(const struct draft *draft, const struct place *outer,
    const struct entry *list)
{
	const struct schema_key *key = schema_find("rules");
	struct conf_listener *listener = outer->base;
	char text[SCHEMA_TEXT_MAX], prefix[PREFIX_MAX];
	const struct entry *element;
	unsigned i = 0;

	if (list->type != ENTRY_LIST) {
		value_report_type(draft, outer->prefix, key->name, list,
		    schema_describe(key, text));
		return;
	}
	if (list->parts > key->max ||
	    list->parts > CONF_RULES_MAX - draft->conf->n_rules) {
		value_error(draft, list->line,
		    "%srules: %u groups are too many, expected 0 to %d, and "
		    "%d in all listeners",
		    outer->prefix, (unsigned)list->parts, (int)key->max,
		    CONF_RULES_MAX);
		return;
	}
	for (element = entries_first(list); element != NULL;
	     element = entries_next(draft->entries, list, element)) {
		snprintf(prefix, sizeof(prefix), "%srules[%u].", outer->prefix,
		    i++);
		if (element->type == ENTRY_GROUP)
			make_rule(draft, prefix, element);
		else
			value_report_type(draft, outer->prefix, "rules",
			    element, "a group, as in { from = \"any\"; "
			    "action = \"deny\"; }");
	}
	listener->n_rules = draft->conf->n_rules - listener->first_rule;
}

/* ------------------------------------------------------------------ listeners */

static void
set_address(const struct draft *draft, struct conf_listener *listener)
{
	struct conf *conf = draft->conf;
	struct conf_address *address = &conf->address[conf->n_addresses];

	if (conf->n_addresses == CONF_ADDRESSES_MAX) {
		value_error(draft, listener->line,
		    "listeners: too many addresses, expected at most %d",
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
    const struct draft *draft, struct conf_listener *listener, const char *prefix)
{
	struct conf *conf = draft->conf;
	char name[ADDRESS_TEXT_MAX];
	uint32_t i;

	for (i = 0; i < listener->n_addresses; i++)
		conf->address[listener->first_address + i].addr.port =
		    (uint16_t)listener->port;
	if (listener->name.length > 0)
		return;
	if (listener->n_addresses > 1) {
		value_error(draft, listener->line,
		    "%sname: missing, a listener with %u addresses needs one",
		    prefix, (unsigned)listener->n_addresses);
		return;
	}
	address_format_port(&conf->address[listener->first_address], name);
	listener->name = value_add_text(draft, name, strlen(name));
}

static struct conf_listener *
add_listener(const struct draft *draft, unsigned line)
{
	struct conf *conf = draft->conf;
	struct conf_listener *listener = &conf->listener[conf->n_listeners++];

	value_defaults(draft, SCHEMA_LISTENER, listener, false);
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
make_listener(const struct draft *draft, const struct entry *group)
{
	struct conf *conf = draft->conf;
	size_t errors = draft->report->errors;
	char prefix[PREFIX_MAX];
	struct conf_listener *listener;
	struct place place;
	uint64_t seen = 0;

	snprintf(prefix, sizeof(prefix), "listeners[%u].",
	    (unsigned)conf->n_listeners);
	listener = add_listener(draft, group->line);
	place = (struct place){ SCHEMA_LISTENER, listener, prefix, "", &seen };
	walk_group(draft, &place, group);
	if (entries_find(draft->entries, group, "address") == NULL)
		set_address(draft, listener);
	format_check(draft, listener, prefix, group);
	if (draft->report->errors == errors)
		complete_listener(draft, listener, prefix);
	if (draft->report->errors != errors) {
		conf->n_addresses = listener->first_address;
		listener->n_addresses = 0;
	}
}

static void
make_element(const struct draft *draft, const struct entry *element)
{
	char name[PREFIX_MAX];

	if (element->type == ENTRY_GROUP) {
		make_listener(draft, element);
		return;
	}
	snprintf(name, sizeof(name), "listeners[%u]",
	    (unsigned)draft->conf->n_listeners++);
	value_report_type(
	    draft, "", name, element, "a group, as in { port = 4444; }");
}

static void
make_listeners(const struct draft *draft, const struct entry *list)
{
	const struct schema_key *key = schema_find("listeners");
	char allowed[SCHEMA_TEXT_MAX];
	const struct entry *element;

	if (list->type != ENTRY_LIST) {
		value_report_type(
		    draft, "", key->name, list, schema_describe(key, allowed));
		return;
	}
	if (list->parts < key->min || list->parts > key->max)
		value_error(draft, list->line,
		    "listeners: %u groups are out of range, expected %d to "
		    "%d",
		    (unsigned)list->parts, (int)key->min, (int)key->max);
	for (element = entries_first(list);
	     element != NULL && draft->conf->n_listeners < key->max;
	     element = entries_next(draft->entries, list, element))
		make_element(draft, element);
}

static void
make_conf(const struct draft *draft, bool as_root)
{
	struct conf *conf = draft->conf;
	const struct entry *root = draft->entries->list;
	const struct entry *list =
	    entries_find(draft->entries, root, "listeners");
	uint64_t seen = 0;
	struct place place = { SCHEMA_TOP, conf, "", "", &seen };
	struct conf_listener *listener;

	value_defaults(draft, SCHEMA_TOP, conf, as_root);
	walk_group(draft, &place, root);
	if (list != NULL) {
		make_listeners(draft, list);
	} else {
		listener = add_listener(draft, 0);
		set_address(draft, listener);
		complete_listener(draft, listener, "");
	}
	verdict_find(conf, draft->path, draft->report);
}

/* No secret: it only has to differ when the text does. */
static int64_t
fingerprint_of(const char *bytes, size_t length)
{
	static const uint64_t key[2] = { 0, 0 };

	return (int64_t)(siphash(key, bytes, length) >> 1);
}

struct conf *
settings_make(const char *bytes, size_t length, const char *path, bool as_root,
    struct report *report)
{
	struct entries entries = { 0 };
	/* No text can be longer than all that was said, with its NUL. */
	size_t room = CONF_TEXT_DEFAULTS +
	    (length < CONF_TEXTS_MAX ? length : CONF_TEXTS_MAX);
	struct conf *conf = calloc(1, sizeof(*conf) + room), *fitting;
	struct draft draft = { path, &entries, conf, room, report };

	if (conf == NULL)
		report_failure(
		    report, EXIT_SYSTEM, "%s: out of memory", path);
	else if (entries_parse(&entries, bytes, length, path, report) == 0)
		make_conf(&draft, as_root);
	if (conf != NULL)
		conf->fingerprint = fingerprint_of(bytes, length);
	entries_free(&entries);
	if (report->errors > 0) {
		free(conf);
		return NULL;
	}
	fitting = realloc(conf, sizeof(*conf) + conf->text_length);
	return fitting != NULL ? fitting : conf;
}
