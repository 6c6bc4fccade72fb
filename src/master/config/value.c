/* One setting of libconfig's tree, checked against its row of the schema. */
#include "config.h"

#include "master/config/value.h"

#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/text_check.h"
#include "master/config/network.h"
#include "master/config/report.h"

#define SHOWN_MAX 60 /* bytes of a string that a message shows */
#define VALUE_TEXT_MAX (SHOWN_MAX + 16)

/* A setting with the name that messages give it. */
struct named {
	struct parse *parse;
	const char *prefix;
	const char *name; /* of key, in the group where it stands */
	const struct schema_key *key;
	const config_setting_t *setting;
};

static bool
is_prechecked(const struct parse *parse, unsigned line)
{
	char start[REPORT_LINE_MAX];
	size_t i, length;

	snprintf(start, sizeof(start), "%s:%u:", parse->path, line);
	length = strlen(start);
	for (i = 0; i < parse->before->kept; i++)
		if (strncmp(parse->before->lines[i].text, start, length) == 0)
			return true;
	return false;
}

void
parse_error(struct parse *parse, unsigned line, const char *format, ...)
{
	char text[REPORT_LINE_MAX];
	va_list ap;

	if (is_prechecked(parse, line))
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	report_error(parse->report, "%s:%u: %s", parse->path, line, text);
}

struct conf_text
parse_add_text(struct parse *parse, const char *text, size_t length)
{
	struct conf *conf = parse->conf;
	struct conf_text place = { conf->text_length, (uint32_t)length };

	/* CONF_TEXTS_MAX has been looked at, and all defaults fit. */
	assert(length < CONF_TEXT_MAX - conf->text_length);
	memcpy(conf->text + conf->text_length, text, length);
	conf->text[conf->text_length + length] = '\0';
	conf->text_length += (uint32_t)length + 1;
	return place;
}

/* The value as a message shows it; "this" when it has parts of its own. */
static const char *
show(const config_setting_t *setting, char *text)
{
	const char *string;

	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		snprintf(text, VALUE_TEXT_MAX, "%lld",
		    config_setting_get_int64(setting));
		break;
	case CONFIG_TYPE_FLOAT:
		snprintf(text, VALUE_TEXT_MAX, "%.12g",
		    config_setting_get_float(setting));
		break;
	case CONFIG_TYPE_BOOL:
		snprintf(text, VALUE_TEXT_MAX, "%s",
		    config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_STRING:
		string = config_setting_get_string(setting);
		snprintf(text, VALUE_TEXT_MAX, "\"%.*s\"%s", SHOWN_MAX, string,
		    strlen(string) > SHOWN_MAX ? "..." : "");
		break;
	default:
		snprintf(text, VALUE_TEXT_MAX, "this");
		break;
	}
	return text;
}

static const char *
name_type(const config_setting_t *setting)
{
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_INT:
	case CONFIG_TYPE_INT64:
		return "a whole number";
	case CONFIG_TYPE_FLOAT:
		return "a number with decimals";
	case CONFIG_TYPE_BOOL:
		return "a boolean";
	case CONFIG_TYPE_STRING:
		return "a string";
	case CONFIG_TYPE_GROUP:
		return "a group { }";
	case CONFIG_TYPE_ARRAY:
		return "an array [ ]";
	default:
		return "a list ( )";
	}
}

void
value_report_type(struct parse *parse, const char *prefix, const char *name,
    const config_setting_t *setting, const char *allowed)
{
	char value[VALUE_TEXT_MAX];

	parse_error(parse, config_setting_source_line(setting),
	    "%s%s: %s is %s, allowed is %s", prefix, name, show(setting, value),
	    name_type(setting), allowed);
}

static void
report_type(const struct named *named)
{
	char range[SCHEMA_TEXT_MAX], allowed[SCHEMA_TEXT_MAX + 32];

	snprintf(allowed, sizeof(allowed), "%s%s",
	    named->key->type == SCHEMA_INTEGER ? "a whole number, " : "",
	    schema_describe(named->key, range));
	value_report_type(named->parse, named->prefix, named->name,
	    named->setting, allowed);
}

/* "NAME: VALUE WHY", of the setting or an element of it. */
static void
report_value(
    const struct named *named, const config_setting_t *element, const char *why)
{
	char value[VALUE_TEXT_MAX];

	parse_error(named->parse, config_setting_source_line(element),
	    "%s%s: %s %s", named->prefix, named->name, show(element, value),
	    why);
}

static void
report_range(const struct named *named, const char *why)
{
	char allowed[SCHEMA_TEXT_MAX], text[SCHEMA_TEXT_MAX + 64];

	snprintf(text, sizeof(text), "%s, allowed is %s", why,
	    schema_describe(named->key, allowed));
	report_value(named, named->setting, text);
}

/* Seconds with up to three decimals, in milliseconds. */
static int
read_seconds(const struct named *named, int64_t *ms)
{
	const config_setting_t *setting = named->setting;
	double seconds;

	if (!config_setting_is_number(setting)) {
		report_type(named);
		return -1;
	}
	if (config_setting_type(setting) == CONFIG_TYPE_FLOAT)
		seconds = config_setting_get_float(setting);
	else
		seconds = (double)config_setting_get_int64(setting);
	/* Said so that NaN fails too. */
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
	const char *word;

	if (config_setting_type(named->setting) != CONFIG_TYPE_STRING) {
		report_type(named);
		return -1;
	}
	word = config_setting_get_string(named->setting);
	for (choice = named->key->choices; choice->word != NULL; choice++)
		if (strcmp(choice->word, word) == 0) {
			*number = choice->number;
			return 0;
		}
	report_range(named, "is not known");
	return -1;
}

static int
read_number(const struct named *named, int64_t *number)
{
	short type = config_setting_type(named->setting);

	switch (named->key->type) {
	case SCHEMA_SECONDS:
	case SCHEMA_RATE:
		return read_seconds(named, number);
	case SCHEMA_CHOICE:
		return read_choice(named, number);
	case SCHEMA_BOOL:
		if (type != CONFIG_TYPE_BOOL)
			break;
		*number = config_setting_get_bool(named->setting) != 0;
		return 0;
	default:
		if (type != CONFIG_TYPE_INT && type != CONFIG_TYPE_INT64)
			break;
		*number = config_setting_get_int64(named->setting);
		return 0;
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

static void
store_text(const struct named *named, enum schema_scope scope, void *base)
{
	const struct schema_key *key = named->key;
	const char *text, *why;
	char range[80];
	size_t length;

	if (config_setting_type(named->setting) != CONFIG_TYPE_STRING) {
		report_type(named);
		return;
	}
	text = config_setting_get_string(named->setting);
	length = strlen(text);
	why = check_text(key, text, length);
	if (!schema_allows(key, (int64_t)length)) {
		snprintf(range, sizeof(range),
		    "is %zu bytes long, allowed are %lld to %lld", length,
		    (long long)key->min, (long long)key->max);
		why = range;
	} else if (length + named->parse->conf->text_length >= CONF_TEXTS_MAX) {
		why = "is too much with the texts before it, allowed are 4 "
		      "MiB in all";
	}
	if (why != NULL)
		report_value(named, named->setting, why);
	else
		schema_set_text(key, scope, base,
		    parse_add_text(named->parse, text, length));
}

static void
store_address(const struct named *named, struct conf_listener *listener,
    const config_setting_t *element)
{
	struct conf *conf = named->parse->conf;
	struct conf_address *address;
	const char *why;

	if (conf->n_addresses == CONF_ADDRESSES_MAX) {
		report_value(named, element,
		    "is one too many, allowed are 1024 in all listeners");
		return;
	}
	address = &conf->address[conf->n_addresses];
	why = address_parse(config_setting_get_string(element), address);
	if (why != NULL) {
		report_value(named, element, why);
		return;
	}
	address->line = config_setting_source_line(element);
	conf->n_addresses++;
	listener->n_addresses++;
}

static void
store_net(const struct named *named, struct conf_nets *nets,
    const config_setting_t *element)
{
	struct conf *conf = named->parse->conf;
	struct conf_net *net;
	const char *why;

	if (conf->n_nets == CONF_NETS_MAX) {
		report_value(named, element,
		    "is one too many, allowed are 1024 in all rules and "
		    "limits.exempt");
		return;
	}
	net = &conf->net[conf->n_nets];
	why = net_parse(config_setting_get_string(element),
	    named->key->min > 0, net);
	if (why != NULL) {
		report_value(named, element, why);
		return;
	}
	net->line = config_setting_source_line(element);
	conf->n_nets++;
	nets->n++;
}

/* Stores each string of a list, or the one that is there instead; place is what
 * the key's elements are counted in. */
static void
store_strings(const struct named *named, void *place)
{
	const config_setting_t *setting = named->setting, *element;
	short type = config_setting_type(setting);
	bool single = type == CONFIG_TYPE_STRING;
	int i, n = single ? 1 : config_setting_length(setting);

	if (!single && type != CONFIG_TYPE_ARRAY && type != CONFIG_TYPE_LIST) {
		report_type(named);
		return;
	}
	if (n < named->key->min)
		report_range(named, "is empty");
	for (i = 0; i < n; i++) {
		element = single ?
		    setting : config_setting_get_elem(setting, (unsigned)i);
		if (config_setting_type(element) != CONFIG_TYPE_STRING)
			value_report_type(named->parse, named->prefix,
			    named->name, element, "a string");
		else if (named->key->type == SCHEMA_NETS)
			store_net(named, place, element);
		else
			store_address(named, place, element);
	}
}

static void
store_nets(const struct named *named, enum schema_scope scope, void *base)
{
	struct conf_nets nets = { named->parse->conf->n_nets, 0 };

	store_strings(named, &nets);
	schema_set_nets(named->key, scope, base, nets);
}

void
value_store(struct parse *parse, const char *prefix,
    const struct schema_key *key, enum schema_scope scope, void *base,
    const config_setting_t *setting)
{
	struct named named = { parse, prefix, schema_name_in(key, scope), key,
		setting };

	if (schema_is_number(key))
		store_number(&named, scope, base);
	else if (schema_is_text(key))
		store_text(&named, scope, base);
	else if (key->type == SCHEMA_NETS)
		store_nets(&named, scope, base);
	else
		store_strings(&named, base);
}
