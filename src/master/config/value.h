/* One setting: is it what its key allows, and if so, into the configuration with
 * it. */
#ifndef MASTER_VALUE_H
#define MASTER_VALUE_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/entries.h"
#include "master/config/schema.h"

struct report;

/* A configuration that is being made. */
struct draft {
	const char *path; /* of the file, for messages */
	uint32_t file; /* 0: the configuration; else one that it includes */
	uint32_t first; /* listener of the file */
	const char *top; /* path of the configuration */
	const struct entries *entries;
	struct conf *conf;
	size_t room; /* bytes of text that it has room for */
	struct report *report;
};

/* Reports "PATH:LINE: " and the text. */
void value_error(const struct draft *draft, uint32_t line, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* Adds text (length bytes) to the configuration, followed by a NUL. */
struct conf_text value_add_text(
    const struct draft *draft, const char *text, size_t length);

/* Stores the defaults of all keys of one scope in base; as_root matters to texts
 * only. */
void value_defaults(const struct draft *draft, enum schema_scope scope,
    void *base, bool as_root);

/*
 * Stores what the entry says where the key belongs in base, which is what the
 * scope says (schema.h); or reports why not, by the name prefix and the key's in
 * that scope.  Not for listeners and rules.
 */
void value_store(const struct draft *draft, const char *prefix,
    const struct schema_key *key, enum schema_scope scope, void *base,
    const struct entry *entry);

/*
 * Reports that the entry, called prefix and name, is of the wrong type: "NAME:
 * VALUE is a string, allowed is ALLOWED".  Not of one that cannot be used: a
 * finding has said so.
 */
void value_report_type(const struct draft *draft, const char *prefix,
    const char *name, const struct entry *entry, const char *allowed);

#endif
