/* Walks through the groups of a file, key by key: the top, listeners, rules. */
#include "config.h"

#include "master/config/walk.h"

#include <stdio.h>
#include <string.h>

#include "master/config/suggest.h"

#define NAME_ROOM (ENTRY_NAME_MAX + 1)
#define GROUP_MAX 32 /* bytes of a group's name, with its dot */

static void make_rules(const struct draft *draft, const struct place *place,
    const struct entry *list);

/* The reader of ours lets no key pass twice. */
static bool
is_second(const struct draft *draft, const struct place *place,
    const struct schema_key *key, const struct entry *entry)
{
	bool *seen = &place->seen[key - schema_keys];

	if (!*seen) {
		*seen = true;
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
walk_subgroup(const struct draft *draft, const struct place *place,
    const char *name, const struct entry *entry)
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

void
walk_group(const struct draft *draft, const struct place *place,
    const struct entry *group)
{
	const struct entry *entry = entries_first(group);

	for (; entry != NULL;
	     entry = entries_next(draft->entries, group, entry))
		walk_setting(draft, place, entry);
}

/* ----------------------------------------------------------------- rules */

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
	bool seen[CONF_KEYS_MAX] = { false };
	struct place place = { SCHEMA_RULE, rule, prefix, "rules.", seen };

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
	char text[SCHEMA_TEXT_MAX], prefix[WALK_PREFIX_MAX];
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
