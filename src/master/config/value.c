/* One setting, checked against its row of the schema. */
#include "config.h"

#include "master/config/value.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/network.h"
#include "master/system/report.h"
#include "shared/number.h"

#define SHOWN_MAX 60 /* bytes of a string that a message shows */
#define VALUE_TEXT_MAX (SHOWN_MAX + 16)

/* A setting with the name that messages give it. */
struct named {
	const struct draft *draft;
	const char *prefix;
	const char *name; /* of key, in the group where it stands */
	const struct schema_key *key;
	const struct entry *entry;
};

void
value_error(const struct draft *draft, uint32_t line, const char *format, ...)
{
	char text[REPORT_LINE_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	report_error(
	    draft->report, "%s:%u: %s", draft->path, (unsigned)line, text);
}

struct conf_text
value_add_text(const struct draft *draft, const char *text, size_t length)
{
	struct conf *conf = draft->conf;
	struct conf_text place = { conf->text_length, (uint32_t)length };

	/* CONF_TEXTS_MAX has been checked, and all defaults fit. */
	assert(length < draft->room - conf->text_length);
	memcpy(conf->text + conf->text_length, text, length);
	conf->text[conf->text_length + length] = '\0';
	conf->text_length += (uint32_t)length + 1;
	return place;
}

/* The value as a message shows it; "this" when it has parts of its own. */
static const char *
show(const struct entry *entry, char *text)
{
	if (entry->type == ENTRY_STRING)
		snprintf(text, VALUE_TEXT_MAX, "\"%.*s\"%s", SHOWN_MAX,
		    entry->text, entry->length > SHOWN_MAX ? "..." : "");
	else
		snprintf(text, VALUE_TEXT_MAX, "%.*s", SHOWN_MAX,
		    entry->length > 0 ? entry->text : "this");
	return text;
}

static const char *
name_type(const struct entry *entry)
{
	static const char *const names[] = {
		[ENTRY_GROUP] = "a group { }",
		[ENTRY_LIST] = "a list ( )",
		[ENTRY_ARRAY] = "an array [ ]",
		[ENTRY_STRING] = "a string",
		[ENTRY_INTEGER] = "a whole number",
		[ENTRY_FLOAT] = "a number with decimals",
		[ENTRY_BOOLEAN] = "a boolean",
	};

	return names[entry->type];
}

void
value_report_type(const struct draft *draft, const char *prefix,
    const char *name, const struct entry *entry, const char *allowed)
{
	char value[VALUE_TEXT_MAX];

	if (entry->type != ENTRY_WRONG)
		value_error(draft, entry->line, "%s%s: %s is %s, expected %s",
		    prefix, name, show(entry, value), name_type(entry),
		    allowed);
}

static void
report_type(const struct named *named)
{
	char range[SCHEMA_TEXT_MAX], allowed[SCHEMA_TEXT_MAX + 32];

	snprintf(allowed, sizeof(allowed), "%s%s",
	    named->key->type == SCHEMA_INTEGER ? "a whole number, " : "",
	    schema_describe(named->key, range));
	value_report_type(named->draft, named->prefix, named->name,
	    named->entry, allowed);
}

/* "NAME: VALUE WHY", of the setting or an element of it. */
static void
report_value(
    const struct named *named, const struct entry *element, const char *why)
{
	char value[VALUE_TEXT_MAX];

	value_error(named->draft, element->line, "%s%s: %s %s", named->prefix,
	    named->name, show(element, value), why);
}

static void
report_range(const struct named *named, const char *why)
{
	char allowed[SCHEMA_TEXT_MAX], text[SCHEMA_TEXT_MAX + 64];

	snprintf(text, sizeof(text), "%s, expected %s", why,
	    schema_describe(named->key, allowed));
	report_value(named, named->entry, text);
}

/* Seconds with up to three decimals, in milliseconds. */
static int
read_seconds(const struct named *named, int64_t *ms)
{
	double seconds;

	if (named->entry->type != ENTRY_INTEGER &&
	    named->entry->type != ENTRY_FLOAT) {
		report_type(named);
		return -1;
	}
	seconds = strtod(named->entry->text, NULL);
	/* Written so that NaN fails too. */
	if (!(seconds >= 0 && seconds <= (double)named->key->max / 1000)) {
		report_range(named, "is out of range");
		return -1;
	}
	*ms = llround(seconds * 1000);
	if (fabs(seconds * 1000 - (double)*ms) > 1e-6) {
		report_range(named, "has more than 3 decimals");
		return -1;
	}
	return 0;
}

static int
read_choice(const struct named *named, int64_t *number)
{
	const struct schema_choice *choice;

	if (named->entry->type != ENTRY_STRING) {
		report_type(named);
		return -1;
	}
	for (choice = named->key->choices; choice->word != NULL; choice++)
		if (strcmp(choice->word, named->entry->text) == 0) {
			*number = choice->number;
			return 0;
		}
	report_range(named, "is not known");
	return -1;
}

static int
read_number(const struct named *named, int64_t *number)
{
	const struct entry *entry = named->entry;

	switch (named->key->type) {
	case SCHEMA_SECONDS:
	case SCHEMA_RATE:
		return read_seconds(named, number);
	case SCHEMA_CHOICE:
		return read_choice(named, number);
	case SCHEMA_BOOL:
		if (entry->type != ENTRY_BOOLEAN)
			break;
		*number = strcmp(entry->text, "true") == 0;
		return 0;
	default:
		if (entry->type == ENTRY_INTEGER &&
		    number_parse(entry->text, INT64_MIN, INT64_MAX, number) ==
			0)
			return 0;
		break;
	}
	report_type(named);
	return -1;
}

static void
store_number(const struct named *named, enum schema_scope scope, void *base)
{
	int64_t number;

	if (read_number(named, &number) == -1)
		return;
	if (!schema_allows(named->key, number))
		report_range(named, "is out of range");
	else
		schema_set_number(named->key, scope, base, number);
}

/* No control bytes but in greetings, then what the key's own check says. */
static const char *
text_check(const struct schema_key *key, const char *text, size_t length)
{
	size_t i;

	for (i = 0; key->type != SCHEMA_GREETING && i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return "holds a control byte, expected printable "
			       "text";
	return key->check != NULL ? key->check(text, length) : NULL;
}

static void
store_text(const struct named *named, enum schema_scope scope, void *base)
{
	const struct schema_key *key = named->key;
	const char *text = named->entry->text, *why;
	size_t length = named->entry->length;
	char range[80];

	if (named->entry->type != ENTRY_STRING) {
		report_type(named);
		return;
	}
	why = text_check(key, text, length);
	if (!schema_allows(key, (int64_t)length)) {
		snprintf(range, sizeof(range),
		    "is %zu bytes long, expected %lld to %lld", length,
		    (long long)key->min, (long long)key->max);
		why = range;
	} else if (length + named->draft->conf->text_length >= CONF_TEXTS_MAX) {
		why = "is too much with the texts before it, expected up to 4 "
		      "MiB in all";
	}
	if (why != NULL)
		report_value(named, named->entry, why);
	else
		schema_set_text(key, scope, base,
		    value_add_text(named->draft, text, length));
}

static void
store_address(const struct named *named, struct conf_listener *listener,
    const struct entry *element)
{
	struct conf *conf = named->draft->conf;
	struct conf_address *address;
	const char *why;

	if (conf->n_addresses == CONF_ADDRESSES_MAX) {
		report_value(named, element,
		    "is one too many, expected at most 1024 in all listeners");
		return;
	}
	address = &conf->address[conf->n_addresses];
	why = address_parse(element->text, address);
	if (why != NULL) {
		report_value(named, element, why);
		return;
	}
	address->line = element->line;
	conf->n_addresses++;
	listener->n_addresses++;
}

static void
store_net(const struct named *named, struct conf_nets *nets,
    const struct entry *element)
{
	struct conf *conf = named->draft->conf;
	struct conf_net *net;
	const char *why;

	if (conf->n_nets == CONF_NETS_MAX) {
		report_value(named, element,
		    "is one too many, expected at most 1024 in all rules, "
		    "log.quiet, limits.exempt and "
		    "proxy_protocol.trusted");
		return;
	}
	net = &conf->net[conf->n_nets];
	why = network_parse(element->text, named->key->min > 0, net);
	if (why != NULL) {
		report_value(named, element, why);
		return;
	}
	net->line = element->line;
	conf->n_nets++;
	nets->n++;
}

static void
store_string(const struct named *named, void *place, const struct entry *element)
{
	if (element->type != ENTRY_STRING)
		value_report_type(named->draft, named->prefix, named->name,
		    element, "a string");
	else if (named->key->type == SCHEMA_NETS)
		store_net(named, place, element);
	else
		store_address(named, place, element);
}

/* Stores each string of a list, or the one that is there instead; place is what
 * the key's elements are counted in. */
static void
store_strings(const struct named *named, void *place)
{
	const struct entry *entry = named->entry, *element;
	const struct entries *entries = named->draft->entries;

	if (entry->type == ENTRY_STRING) {
		store_string(named, place, entry);
		return;
	}
	if (entry->type != ENTRY_ARRAY && entry->type != ENTRY_LIST) {
		report_type(named);
		return;
	}
	if (entry->parts < named->key->min)
		report_range(named, "is empty");
	for (element = entries_first(entry); element != NULL;
	     element = entries_next(entries, entry, element))
		store_string(named, place, element);
}

static void
store_nets(const struct named *named, enum schema_scope scope, void *base)
{
	struct conf_nets nets = { named->draft->conf->n_nets, 0 };

	store_strings(named, &nets);
	schema_set_nets(named->key, scope, base, nets);
}

void
value_store(const struct draft *draft, const char *prefix,
    const struct schema_key *key, enum schema_scope scope, void *base,
    const struct entry *entry)
{
	struct named named = { draft, prefix, schema_name_in(key, scope), key,
		entry };

	if (schema_is_number(key))
		store_number(&named, scope, base);
	else if (schema_is_text(key))
		store_text(&named, scope, base);
	else if (key->type == SCHEMA_NETS)
		store_nets(&named, scope, base);
	else
		store_strings(&named, base);
}

void
value_defaults(
    const struct draft *draft, enum schema_scope scope, void *base, bool as_root)
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
		    value_add_text(draft, text, strlen(text)));
	}
}
