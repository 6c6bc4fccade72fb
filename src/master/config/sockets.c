/* Which keys of a listener its addresses give a meaning to. */
#include "config.h"

#include "master/config/sockets.h"

#include <stddef.h>
#include <string.h>

#include "master/config/address.h"
#include "master/config/entries.h"
#include "master/config/value.h"

static bool
is_ip(const struct conf_address *address)
{
	return !address_is_unix(address);
}

static const char for_ip[] = "has no effect on a UNIX socket, which has no "
			     "port and no interface";
static const char for_file[] = "is for the file of a UNIX socket, and the "
			       "listener has none";

/* What a key is for. */
static const struct need {
	const char *key;
	bool (*is_for)(const struct conf_address *address);
	const char *why;
} needs[] = {
	{ "port", is_ip, for_ip },
	{ "v6only", is_ip, for_ip },
	{ "socket_mode", address_has_file, for_file },
	{ "socket_owner", address_has_file, for_file },
	{ "socket_group", address_has_file, for_file },
};

#define N_NEEDS (sizeof(needs) / sizeof(needs[0]))

static bool
is_met(const struct conf *conf, const struct conf_listener *listener,
    const struct need *need)
{
	const struct conf_address *address =
	    &conf->address[listener->first_address];
	uint32_t i;

	for (i = 0; i < listener->n_addresses; i++)
		if (need->is_for(&address[i]))
			return true;
	return false;
}

void
sockets_check(const struct draft *draft, const struct conf_listener *listener,
    const char *prefix, const struct entry *group)
{
	const struct entry *entry;
	size_t i;

	for (i = 0; i < N_NEEDS && listener->n_addresses > 0; i++) {
		entry = entries_find(draft->entries, group, needs[i].key);
		if (entry != NULL &&
		    !is_met(draft->conf, listener, &needs[i]))
			value_error(draft, entry->line, "%s%s: %s", prefix,
			    needs[i].key, needs[i].why);
	}
}

bool
sockets_use(const struct conf *conf, const struct conf_listener *listener,
    const char *key)
{
	size_t i;

	for (i = 0; i < N_NEEDS; i++)
		if (strcmp(needs[i].key, key) == 0)
			return is_met(conf, listener, &needs[i]);
	return true;
}
