/* Reads and writes the places of configuration keys. */
#include "config.h"

#include "master/config/schema.h"

#include <string.h>

int64_t
schema_number(
    const struct schema_key *key, enum schema_scope scope, const void *base)
{
	int64_t number;

	memcpy(
	    &number, (const char *)base + key->offset[scope], sizeof(number));
	return number;
}

void
schema_set_number(const struct schema_key *key, enum schema_scope scope,
    void *base, int64_t number)
{
	memcpy((char *)base + key->offset[scope], &number, sizeof(number));
}

struct conf_text
schema_text(
    const struct schema_key *key, enum schema_scope scope, const void *base)
{
	struct conf_text text;

	memcpy(&text, (const char *)base + key->offset[scope], sizeof(text));
	return text;
}

void
schema_set_text(const struct schema_key *key, enum schema_scope scope,
    void *base, struct conf_text text)
{
	memcpy((char *)base + key->offset[scope], &text, sizeof(text));
}

struct conf_nets
schema_nets(
    const struct schema_key *key, enum schema_scope scope, const void *base)
{
	struct conf_nets nets;

	memcpy(&nets, (const char *)base + key->offset[scope], sizeof(nets));
	return nets;
}

void
schema_set_nets(const struct schema_key *key, enum schema_scope scope,
    void *base, struct conf_nets nets)
{
	memcpy((char *)base + key->offset[scope], &nets, sizeof(nets));
}
