/* The effective configuration, in configuration syntax. */
#include "config.h"

#include "master/config/format.h"
#include "master/config/dump.h"

#include <inttypes.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/network.h"
#include "master/config/schema.h"
#include "master/config/sockets.h"
#include "shared/escape.h"

/* Bytes of a string in a line: so many; or from so many on, up to a newline. A
 * byte then takes at most 4.4 in the file, and CONF_TEXTS_MAX fit. */
#define LINE_WIDTH 64
#define LINE_WIDTH_MIN 16

/* A run of keys in the same group is written as one group. */
struct dump {
	FILE *out;
	const struct conf *conf;
	const char *indent;
	const char *group; /* the open one: points to a key's name, or NULL */
	size_t group_length;
};

static void
put_escaped(FILE *out, unsigned char c)
{
	switch (c) {
	case '\n':
		fputs("\\n", out);
		break;
	case '\r':
		fputs("\\r", out);
		break;
	case '\t':
		fputs("\\t", out);
		break;
	case '"':
	case '\\':
		fprintf(out, "\\%c", c);
		break;
	default:
		if (c >= ' ' && c <= '~')
			fputc(c, out);
		else
			fprintf(out, "\\x%02x", c);
	}
}

/* Returns of how many bytes it is. */
static size_t
put_character(FILE *out, const char *at, const char *end)
{
	size_t n = escape_shown(at, (size_t)(end - at));

	if (n > 1)
		fwrite(at, 1, n, out);
	else
		put_escaped(out, (unsigned char)*at);
	return n > 0 ? n : 1;
}

/* In a comment: there is one line of it. */
static void
put_path(const struct dump *dump, struct conf_text place)
{
	const char *at = conf_text(dump->conf, place);
	const char *end = at + place.length;

	while (at < end)
		at += put_character(dump->out, at, end);
}

/* Long texts continue in a string on the next line, preferably after a
 * newline. */
static void
put_string(const struct dump *dump, struct conf_text place)
{
	const char *text = conf_text(dump->conf, place);
	const char *at = text, *end = at + place.length, *start = at;

	fputc('"', dump->out);
	while (at < end) {
		at += put_character(dump->out, at, end);
		if (at < end &&
		    at - start >=
			(at[-1] == '\n' ? LINE_WIDTH_MIN : LINE_WIDTH)) {
			fprintf(dump->out, "\"\n%s\t\"", dump->indent);
			start = at;
		}
	}
	fputc('"', dump->out);
}

static void
put_addresses(const struct dump *dump, const struct conf_listener *listener)
{
	const struct conf_address *address =
	    &dump->conf->address[listener->first_address];
	char text[ADDRESS_TEXT_MAX];
	uint32_t i;

	fputs(listener->n_addresses > 1 ? "( " : "", dump->out);
	for (i = 0; i < listener->n_addresses; i++)
		fprintf(dump->out, "%s\"%s\"", i > 0 ? ", " : "",
		    address_format(&address[i], text));
	fputs(listener->n_addresses > 1 ? " )" : "", dump->out);
}

static void
put_nets(const struct dump *dump, struct conf_nets nets)
{
	char text[NETWORK_TEXT_MAX];
	uint32_t i;

	fputs(nets.n != 1 ? "( " : "", dump->out);
	for (i = 0; i < nets.n; i++)
		fprintf(dump->out, "%s\"%s\"", i > 0 ? ", " : "",
		    network_format(&dump->conf->net[nets.first + i], text));
	fputs(nets.n == 0 ? ")" : nets.n > 1 ? " )" : "", dump->out);
}

static void put_value(const struct dump *dump, const struct schema_key *key,
    enum schema_scope scope, const void *base);

static void
put_rule(const struct dump *dump, const struct conf_rule *rule)
{
	const struct schema_key *key;

	fprintf(dump->out, "\n%s\t{", dump->indent);
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!schema_has(key, SCHEMA_RULE) ||
		    (key->type == SCHEMA_GREETING && rule->greeting_line == 0))
			continue;
		fprintf(dump->out, " %s = ", schema_name_in(key, SCHEMA_RULE));
		put_value(dump, key, SCHEMA_RULE, rule);
		fputc(';', dump->out);
	}
	fputs(" }", dump->out);
}

static void
put_rules(const struct dump *dump, const struct conf_listener *listener)
{
	const struct conf_rule *rule =
	    &dump->conf->rule[listener->first_rule];
	uint32_t i;

	if (listener->n_rules == 0) {
		fputs("( )", dump->out);
		return;
	}
	fputc('(', dump->out);
	for (i = 0; i < listener->n_rules; i++) {
		fputs(i > 0 ? "," : "", dump->out);
		put_rule(dump, &rule[i]);
	}
	fprintf(dump->out, "\n%s)", dump->indent);
}

static void
put_value(const struct dump *dump, const struct schema_key *key,
    enum schema_scope scope, const void *base)
{
	char text[SCHEMA_TEXT_MAX];

	if (schema_is_number(key))
		fputs(schema_format(key, schema_number(key, scope, base), text),
		    dump->out);
	else if (schema_is_text(key))
		put_string(dump, schema_text(key, scope, base));
	else if (key->type == SCHEMA_NETS)
		put_nets(dump, schema_nets(key, scope, base));
	else if (key->type == SCHEMA_RULES)
		put_rules(dump, base);
	else
		put_addresses(dump, base);
}

/* Texts that each listener has from the top could be more than CONF_TEXTS_MAX
 * in all, once they are written out in each. */
static bool
is_tops(const struct conf *conf, const struct schema_key *key, const void *base)
{
	return schema_is_text(key) && schema_has(key, SCHEMA_TOP) &&
	    strcmp(conf_text(conf, schema_text(key, SCHEMA_LISTENER, base)),
		conf_text(conf, schema_text(key, SCHEMA_TOP, conf))) == 0;
}

/* Only one of greeting and greeting_file is written. A number that cannot be
 * written is a default that is described in words. */
static bool
is_left_out(const struct conf *conf, const struct schema_key *key,
    enum schema_scope scope, const void *base)
{
	const struct conf_listener *listener = base;
	bool file;

	/* dump_write() has these two. */
	if (key->type == SCHEMA_LISTENERS || strcmp(key->name, "include") == 0)
		return true;
	if (schema_is_number(key) &&
	    !schema_allows(key, schema_number(key, scope, base)))
		return true;
	if (scope == SCHEMA_TOP)
		return false;
	if (is_tops(conf, key, base) || !format_uses(listener, key->name) ||
	    !sockets_use(conf, listener, key->name))
		return true;
	file = listener->greeting_file.length > 0;
	return (file && strcmp(key->name, "greeting") == 0) ||
	    (!file && strcmp(key->name, "greeting_file") == 0);
}

/* Closes the open group and opens that of the name. */
static void
change_group(struct dump *dump, const char *name)
{
	const char *dot = strchr(name, '.');
	size_t length = dot != NULL ? (size_t)(dot - name) : 0;

	if (length == dump->group_length &&
	    strncmp(name, dump->group, length) == 0)
		return;
	if (dump->group_length > 0)
		fprintf(dump->out, "%s};\n", dump->indent);
	if (length > 0)
		fprintf(
		    dump->out, "%s%.*s = {\n", dump->indent, (int)length, name);
	dump->group = name;
	dump->group_length = length;
}

static void
put_keys(struct dump *dump, enum schema_scope scope, const void *base)
{
	const struct schema_key *key;

	dump->group = "";
	dump->group_length = 0;
	for (key = schema_keys; key < schema_keys + schema_n_keys; key++) {
		if (!schema_has(key, scope) ||
		    is_left_out(dump->conf, key, scope, base))
			continue;
		change_group(dump, key->name);
		fprintf(dump->out, "%s%s%s = ", dump->indent,
		    dump->group_length > 0 ? "\t" : "",
		    dump->group_length > 0 ? key->name + dump->group_length + 1
					   : key->name);
		put_value(dump, key, scope, base);
		fputs(";\n", dump->out);
	}
	change_group(dump, "");
}

/* What is read again has the listeners of the files already. */
static void
put_include(const struct dump *dump)
{
	const struct conf *conf = dump->conf;

	fputs("include = ", dump->out);
	if (conf->n_included == 0) {
		put_string(dump, conf->include);
		fputs(";\n", dump->out);
		return;
	}
	fputs("\"\"; # \"", dump->out);
	put_path(dump, conf->include);
	fprintf(dump->out, "\": listeners of %u file%s below\n",
	    (unsigned)conf->n_included, conf->n_included > 1 ? "s" : "");
}

/* Of one that comes from a file of its own: where that is. */
static void
put_origin(const struct dump *dump, const struct conf_listener *listener)
{
	if (listener->file == 0)
		return;
	fputs("\t# ", dump->out);
	put_path(dump, dump->conf->included[listener->file - 1]);
	fprintf(dump->out, ":%u\n", (unsigned)listener->line);
}

int
dump_write(const struct conf *conf, FILE *out)
{
	struct dump dump = { out, conf, "", "", 0 };
	uint32_t i;

	put_keys(&dump, SCHEMA_TOP, conf);
	put_include(&dump);
	fputs("listeners = (\n", out);
	dump.indent = "\t\t";
	for (i = 0; i < conf->n_listeners; i++) {
		fputs(i > 0 ? ",\n" : "", out);
		put_origin(&dump, &conf->listener[i]);
		fputs("\t{\n", out);
		put_keys(&dump, SCHEMA_LISTENER, &conf->listener[i]);
		fputs("\t}", out);
	}
	fputs("\n);\n", out);
	return fflush(out) == EOF || ferror(out) ? -1 : 0;
}
