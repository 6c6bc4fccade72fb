/* Reads which client is to be explained. */
#include "config.h"

#include "master/explain_query.h"

#include <net/if.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/suggest.h"
#include "master/system/log.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
take_listener(struct explain_query *query, const char *value)
{
	if (*value == '\0' || strlen(value) >= sizeof(query->listener))
		fatal(EXIT_USAGE,
		    "-E: listener \"%s\": expected a name of 1 to %d bytes",
		    value, CONF_NAME_MAX);
	snprintf(query->listener, sizeof(query->listener), "%s", value);
}

/* Cuts "%scope" off and returns its interface, 0: there is none. */
static uint32_t
scope_cut(char *text, const char *value)
{
	char *name = strchr(text, '%');
	uint32_t scope;

	if (name == NULL)
		return 0;
	*name++ = '\0';
	scope = if_nametoindex(name);
	if (scope == 0)
		fatal(EXIT_USAGE, "-E: src \"%s\": no interface has that name",
		    value);
	return scope;
}

/* IPv4-mapped addresses are IPv4, as for a client. */
static void
take_source(struct explain_query *query, const char *value)
{
	struct sockaddr_storage storage;
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	uint32_t scope;

	snprintf(text, sizeof(text), "%s", value);
	scope = scope_cut(text, value);
	if (strlen(value) >= sizeof(text) ||
	    addr_parse_source(&addr, text) == -1)
		fatal(EXIT_USAGE, "-E: src \"%s\" is not an address, expected "
		    "IPv4 or IPv6 such as 192.0.2.7 or 2001:db8::7, or "
		    "uid:NUMBER for a UNIX socket", value);
	if (addr.family == AF_UNIX) {
		query->source = addr;
		return;
	}
	if (addr_is_any(&addr))
		fatal(EXIT_USAGE, "-E: src \"%s\": nobody comes from there",
		    value);
	addr_to_sockaddr(&addr, &storage);
	addr_from_sockaddr(&query->source, &storage);
	query->source.scope = scope;
}

static void
take_state(struct explain_query *query, const char *value)
{
	const char *names[STATE_COUNT];
	unsigned state;
	const char *near;

	for (state = 0; state < STATE_COUNT; state++) {
		names[state] = state_name((enum state)state);
		if (strcmp(value, names[state]) != 0)
			continue;
		query->has_state = true;
		query->state = (enum state)state;
		return;
	}
	near = suggest_word(value, names, STATE_COUNT);
	if (near != NULL)
		fatal(EXIT_USAGE,
		    "-E: state \"%s\": unknown, did you mean %s?", value, near);
	fatal(EXIT_USAGE, "-E: state \"%s\": unknown, expected ready, drain, "
	    "down or maintenance", value);
}

static void
take_raw(struct explain_query *query, const char *value)
{
	query->raw = strcmp(value, "true") == 0;
	if (!query->raw && strcmp(value, "false") != 0)
		fatal(EXIT_USAGE, "-E: raw \"%s\": expected true or false",
		    value);
}

static const struct query_key {
	const char *name;
	bool must;
	void (*take)(struct explain_query *query, const char *value);
} keys[] = {
	{ "src", true, take_source },
	{ "listener", true, take_listener },
	{ "state", false, take_state },
	{ "raw", false, take_raw },
};

_Noreturn static void
unknown_key(const char *name)
{
	const char *names[COUNT(keys)], *near;
	size_t i;

	for (i = 0; i < COUNT(keys); i++)
		names[i] = keys[i].name;
	near = suggest_word(name, names, COUNT(keys));
	if (near != NULL)
		fatal(EXIT_USAGE, "-E: %s: unknown key, did you mean %s?",
		    name, near);
	fatal(EXIT_USAGE, "-E: %s: unknown key, expected src, listener, state "
	    "or raw", name);
}

/* One "KEY=VALUE", which is changed.  seen has a bit for each key. */
static void
take_part(struct explain_query *query, char *part, unsigned *seen)
{
	char *value = strchr(part, '=');
	size_t i = 0;

	if (value == NULL)
		fatal(EXIT_USAGE, "-E: \"%s\": expected KEY=VALUE", part);
	*value++ = '\0';
	while (i < COUNT(keys) && strcmp(part, keys[i].name) != 0)
		i++;
	if (i == COUNT(keys))
		unknown_key(part);
	if ((*seen & 1u << i) != 0)
		fatal(EXIT_USAGE, "-E: %s: given twice", part);
	*seen |= 1u << i;
	keys[i].take(query, value);
}

/* The comma that ends this part, or NULL: after it there is a '=' before the
 * next comma. */
static char *
end_of(char *part)
{
	char *comma = strchr(part, ',');
	size_t next;

	for (; comma != NULL; comma = strchr(comma + 1, ',')) {
		next = strcspn(comma + 1, "=,");
		if (comma[1 + next] == '=')
			return comma;
	}
	return NULL;
}

void
explain_query_parse(struct explain_query *query, const char *text)
{
	static char *copy; /* for LeakSanitizer at a fatal() */
	char *part, *end;
	unsigned seen = 0;
	size_t i;

	part = copy = strdup(text);
	if (copy == NULL)
		fatal(EXIT_SYSTEM, "-E: out of memory");
	memset(query, 0, sizeof(*query));
	for (; part != NULL; part = end == NULL ? NULL : end + 1) {
		end = end_of(part);
		if (end != NULL)
			*end = '\0';
		take_part(query, part, &seen);
	}
	for (i = 0; i < COUNT(keys); i++)
		if (keys[i].must && (seen & 1u << i) == 0)
			fatal(EXIT_USAGE, "-E: expected %s=, as in "
			    "src=192.0.2.7,listener=main", keys[i].name);
	free(copy);
}
