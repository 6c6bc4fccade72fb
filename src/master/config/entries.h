/* What forkgreet-reader says of a configuration, as a tree; of a reader that may
 * be an enemy's, nothing is believed. */
#ifndef MASTER_ENTRIES_H
#define MASTER_ENTRIES_H

#include <stddef.h>
#include <stdint.h>

#include "shared/entries.h"

struct report;

/* Most bytes that a reader may say. */
#define ENTRIES_BYTES_MAX ((size_t)48 << 20)

/* A setting or an element; texts end in NUL. */
struct entry {
	enum entry_type type; /* ENTRY_GROUP to ENTRY_WRONG */
	uint32_t line;
	const char *path; /* "" of the file itself, a group */
	const char *name; /* the last part of it; "" of an element */
	const char *text;
	uint32_t length; /* of text */
	uint32_t parts; /* how many are directly in it */
	uint32_t end; /* of the list: behind all that is in it */
};

/* Start with all zero.  list[0] is the file. */
struct entries {
	struct entry *list;
	uint32_t n;
	uint32_t room;
};

/*
 * Takes apart length bytes, which stay where they are as long as the entries are
 * used; each text must be of its type, each path one step from what is open.
 * Findings and failures become errors in report, by the name of the file at
 * path.  Returns 0, or -1 with at least one error.  entries_free() either way.
 */
int entries_parse(struct entries *entries, const char *bytes, size_t length,
    const char *path, struct report *report);

void entries_free(struct entries *entries);

/* The first of what is directly in an entry, and the next; or NULL. */
const struct entry *entries_first(const struct entry *outer);
const struct entry *entries_next(const struct entries *entries,
    const struct entry *outer, const struct entry *entry);

/* The one of that name in a group, or NULL. */
const struct entry *entries_find(const struct entries *entries,
    const struct entry *group, const char *name);

#endif
