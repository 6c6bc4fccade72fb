/* One setting of libconfig's tree: is it what its key allows, and if so, into
 * the configuration with it. */
#ifndef MASTER_VALUE_H
#define MASTER_VALUE_H

#include <libconfig.h>
#include <stddef.h>

#include "master/config/schema.h"

struct report;

/* What all of a parse shares. */
struct parse {
	const char *path; /* of the file, for messages */
	struct conf *conf; /* with room for CONF_TEXT_MAX bytes of text */
	struct report *report;
	const struct report *before; /* what precheck() reported */
};

/* Reports "PATH:LINE: " and the text, unless precheck() has reported that
 * line already: its words are better. */
void parse_error(struct parse *parse, unsigned line, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Adds text (length bytes) to the configuration, with a NUL behind it. */
struct conf_text parse_add_text(
    struct parse *parse, const char *text, size_t length);

/*
 * Stores the setting where the key belongs in base, which is what the scope
 * says (schema.h); or reports why not, by the name prefix and the key's in that
 * scope.  Not for listeners and rules.
 */
void value_store(struct parse *parse, const char *prefix,
    const struct schema_key *key, enum schema_scope scope, void *base,
    const config_setting_t *setting);

/*
 * Reports that the setting, called prefix and name, is of the wrong type:
 * "NAME: VALUE is a string, allowed is ALLOWED".
 */
void value_report_type(struct parse *parse, const char *prefix,
    const char *name, const config_setting_t *setting, const char *allowed);

#endif
