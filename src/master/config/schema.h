/* The one table of configuration keys: reading, defaults, the dump, the manual's
 * check and the tests all walk it. */
#ifndef MASTER_SCHEMA_H
#define MASTER_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/config/conf.h"

/* Room for any text that the functions below write. */
#define SCHEMA_TEXT_MAX 400

/* Where a key may appear. */
enum schema_scope {
	SCHEMA_TOP, /* at the top level: stored in struct conf */
	SCHEMA_LISTENER, /* in a listener: stored in struct conf_listener */
	SCHEMA_RULE /* in a rule of one, as "rules.": struct conf_rule */
};

enum schema_type {
	/* Stored as int64_t: */
	SCHEMA_INTEGER,
	SCHEMA_SECONDS, /* written in seconds, stored in milliseconds */
	SCHEMA_RATE, /* written per second, stored in thousandths of that */
	SCHEMA_BOOL,
	SCHEMA_CHOICE, /* one of some words */
	/* Stored as struct conf_text: */
	SCHEMA_STRING, /* no control bytes; check() says the rest */
	SCHEMA_GREETING, /* any bytes */
	/* Stored in tables of their own: */
	SCHEMA_ADDRESSES,
	SCHEMA_NETS, /* struct conf_nets, and what that says of conf->net */
	SCHEMA_RULES,
	SCHEMA_LISTENERS
};

/* A word and what it stands for; an array of them ends with a NULL word. */
struct schema_choice {
	const char *word;
	int64_t number;
};

#define SCHEMA_NOWHERE SIZE_MAX /* an offset: not allowed in that scope */

struct schema_key {
	const char *name; /* "limits.max_clients" */
	enum schema_type type;
	bool restart; /* a reload cannot change it */
	size_t offset[3]; /* by enum schema_scope, or SCHEMA_NOWHERE */
	int64_t min; /* numbers: as stored; texts: bytes */
	int64_t max;
	int64_t number; /* the default, as stored; out of range: not written */
	const char *text; /* the default of a text, as root (or in words) ... */
	const char *text_user; /* ... and else; NULL: the same */
	const char *unit; /* of what is written, or NULL */
	const struct schema_choice *choices;
	/* NULL when the text is valid, or "is not ..., expected ...". */
	const char *(*check)(const char *text, size_t length);
};

/* conf.given_line[i] belongs to row i.  The keys of a group stand together. */
extern const struct schema_key schema_keys[];
extern const size_t schema_n_keys;

/* The row of that dotted name, whatever its scope, or NULL. */
const struct schema_key *schema_find(const char *name);

/* True when the top-level key of that dotted name was written in the file; and
 * the line that it stands in, 0 when it was not. */
bool schema_given(const struct conf *conf, const char *key);
uint32_t schema_line(const struct conf *conf, const char *key);

/* True when the key is allowed in that scope. */
bool schema_has(const struct schema_key *key, enum schema_scope scope);

/* True when name is that of a group ("limits") with keys in that scope. */
bool schema_is_group(const char *name, enum schema_scope scope);

/* True when the key is stored as an int64_t, or as a struct conf_text. */
bool schema_is_number(const struct schema_key *key);
bool schema_is_text(const struct schema_key *key);

/* Reads and writes the key's place in base, which is a struct conf or a struct
 * conf_listener as scope says. */
int64_t schema_number(
    const struct schema_key *key, enum schema_scope scope, const void *base);
void schema_set_number(const struct schema_key *key, enum schema_scope scope,
    void *base, int64_t number);
struct conf_text schema_text(
    const struct schema_key *key, enum schema_scope scope, const void *base);
void schema_set_text(const struct schema_key *key, enum schema_scope scope,
    void *base, struct conf_text text);

/* Reads and writes where a list of networks is. */
struct conf_nets schema_nets(
    const struct schema_key *key, enum schema_scope scope, const void *base);
void schema_set_nets(const struct schema_key *key, enum schema_scope scope,
    void *base, struct conf_nets nets);

/* The key's name as written in a group of that scope: in a rule "rules.from" is
 * "from". */
const char *schema_name_in(
    const struct schema_key *key, enum schema_scope scope);

/* True when a number of that value, or a text of that length, may be written. */
bool schema_allows(const struct schema_key *key, int64_t number);

/*
 * Writes a stored number as it is written in the file ("30", "2.5", "true",
 * "\"queue\"") to text, which has room for SCHEMA_TEXT_MAX bytes.  Returns
 * text.
 */
const char *schema_format(
    const struct schema_key *key, int64_t number, char *text);

/*
 * Writes what is allowed ("1 to 30000", "0.1 to 86400 seconds", "\"queue\" or
 * \"refuse\"", "a string of ...") to text, which has room for SCHEMA_TEXT_MAX
 * bytes.  Returns text.
 */
const char *schema_describe(const struct schema_key *key, char *text);

#endif
