/* From what the reader says to struct conf. */
#include "config.h"

#include "master/config/settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/format.h"
#include "master/config/sockets.h"
#include "master/config/text_check.h"
#include "master/config/verdict.h"
#include "master/config/walk.h"
#include "master/system/report.h"
#include "master/system/siphash.h"

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
		if (!address_is_unix(
			&conf->address[listener->first_address + i]))
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
	if (strlen(name) > CONF_NAME_MAX ||
	    text_check_name(name, strlen(name)) != NULL) {
		value_error(draft, listener->line,
		    "%sname: missing, and %s is too long for a name or has "
		    "'='", prefix, name);
		return;
	}
	listener->name = value_add_text(draft, name, strlen(name));
}

static struct conf_listener *
add_listener(const struct draft *draft, unsigned line)
{
	struct conf *conf = draft->conf;
	struct conf_listener *listener = &conf->listener[conf->n_listeners++];

	value_defaults(draft, SCHEMA_LISTENER, listener, false);
	listener->file = draft->file;
	listener->place = conf->n_listeners - 1 - draft->first;
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
	char prefix[WALK_PREFIX_MAX];
	struct conf_listener *listener;
	struct place place;
	bool seen[CONF_KEYS_MAX] = { false };

	snprintf(prefix, sizeof(prefix), "listeners[%u].",
	    (unsigned)(conf->n_listeners - draft->first));
	listener = add_listener(draft, group->line);
	place = (struct place){ SCHEMA_LISTENER, listener, prefix, "", seen };
	walk_group(draft, &place, group);
	if (entries_find(draft->entries, group, "address") == NULL)
		set_address(draft, listener);
	sockets_check(draft, listener, prefix, group);
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
	char name[WALK_PREFIX_MAX];

	if (element->type == ENTRY_GROUP) {
		make_listener(draft, element);
		return;
	}
	snprintf(name, sizeof(name), "listeners[%u]",
	    (unsigned)(draft->conf->n_listeners++ - draft->first));
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
	else if (list->parts > key->max - draft->first)
		value_error(draft, list->line,
		    "listeners: %u groups are too many, expected at most %d "
		    "with the %u of the files before",
		    (unsigned)list->parts, (int)key->max,
		    (unsigned)draft->first);
	for (element = entries_first(list);
	     element != NULL && draft->conf->n_listeners < key->max;
	     element = entries_next(draft->entries, list, element))
		make_element(draft, element);
}

static void
make_builtin(const struct draft *draft)
{
	struct conf_listener *listener = add_listener(draft, 0);

	set_address(draft, listener);
	complete_listener(draft, listener, "");
}

/* ------------------------------------------------------- included files */

/* Other settings would depend on which files there are, and in which order. */
static void
make_included(const struct draft *draft, bool wrong)
{
	const struct entry *root = draft->entries->list, *entry;
	const struct entry *list =
	    entries_find(draft->entries, root, "listeners");
	char text[SCHEMA_TEXT_MAX];

	for (entry = entries_first(root); entry != NULL;
	     entry = entries_next(draft->entries, root, entry))
		if (entry != list)
			value_error(draft, entry->line, "%s: is not for an "
			    "included file, expected listeners only (%s has "
			    "the rest)", entry->name, draft->top);
	if (list != NULL)
		make_listeners(draft, list);
	else if (!wrong)
		value_error(draft, 1, "listeners: missing, expected %s",
		    schema_describe(schema_find("listeners"), text));
}

static void
include_all(const struct draft *top, const struct source *sources, size_t n)
{
	struct conf *conf = top->conf;
	struct draft draft = *top;
	size_t i;

	for (i = 1; i < n; i++)
		conf->included[conf->n_included++] = value_add_text(
		    top, sources[i].path, strlen(sources[i].path));
	for (i = 1; i < n; i++) {
		draft.path = sources[i].path;
		draft.entries = &sources[i].entries;
		draft.file = (uint32_t)i;
		draft.first = conf->n_listeners;
		make_included(&draft, sources[i].wrong);
	}
}

const struct entry *
settings_include(const struct source *source)
{
	const struct schema_key *key = schema_find("include");
	const struct entry *entry = entries_find(
	    &source->entries, source->entries.list, key->name);

	return entry != NULL && entry->type == ENTRY_STRING &&
	    entry->length > 0 && entry->length <= key->max &&
	    key->check(entry->text, entry->length) == NULL ? entry : NULL;
}

/* --------------------------------------------------------------------- all */

static void
make_conf(const struct draft *draft, const struct source *sources, size_t n,
    bool as_root)
{
	struct conf *conf = draft->conf;
	const struct entry *root = draft->entries->list;
	const struct entry *list =
	    entries_find(draft->entries, root, "listeners");
	bool seen[CONF_KEYS_MAX] = { false };
	struct place place = { SCHEMA_TOP, conf, "", "", seen };

	value_defaults(draft, SCHEMA_TOP, conf, as_root);
	walk_group(draft, &place, root);
	if (list != NULL)
		make_listeners(draft, list);
	else if (n == 1)
		make_builtin(draft);
	include_all(draft, sources, n);
	verdict_find(conf, draft->path, draft->report);
}

/* No secret: it only has to differ when a text does. */
static int64_t
fingerprint_of(const struct source *sources, size_t n)
{
	uint64_t key[2] = { 0, 0 };
	size_t i;

	for (i = 0; i < n; i++)
		key[0] = siphash(key, sources[i].bytes, sources[i].length);
	return (int64_t)(key[0] >> 1);
}

/* No text can be longer than all that was said, with its NUL.  The names of the
 * files are beside CONF_TEXTS_MAX. */
static size_t
room_for(const struct source *sources, size_t n)
{
	size_t said = 0, names = 0, i;

	for (i = 0; i < n; i++) {
		said += sources[i].length;
		names += strlen(sources[i].path) + 1;
	}
	return CONF_TEXT_DEFAULTS + names +
	    (said < CONF_TEXTS_MAX ? said : CONF_TEXTS_MAX);
}

struct conf *
settings_make(const struct source *sources, size_t n, bool as_root,
    struct report *report)
{
	size_t room = room_for(sources, n);
	struct conf *conf = calloc(1, sizeof(*conf) + room), *fitting;
	struct draft draft = { .path = sources->path, .top = sources->path,
		.entries = &sources->entries, .conf = conf, .room = room,
		.report = report };

	if (conf == NULL)
		report_failure(report, EXIT_SYSTEM, "%s: out of memory",
		    sources->path);
	else
		make_conf(&draft, sources, n, as_root);
	if (conf != NULL)
		conf->fingerprint = fingerprint_of(sources, n);
	if (report->errors > 0) {
		free(conf);
		return NULL;
	}
	fitting = realloc(conf, sizeof(*conf) + conf->text_length);
	return fitting != NULL ? fitting : conf;
}
