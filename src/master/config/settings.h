/* From what the reader says to struct conf. */
#ifndef MASTER_SETTINGS_H
#define MASTER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/conf.h"
#include "master/config/entries.h"

struct report;

/* A file, as a reader said it. */
struct source {
	const char *path; /* for messages */
	struct entries entries;
	char *bytes; /* length of them: what the entries point to */
	size_t length;
	bool wrong; /* the text: what it lacks is no surprise */
};

/* The pattern of the files that the configuration includes, or NULL: it has
 * none, or one that settings_make() reports. */
const struct entry *settings_include(const struct source *source);

/*
 * Makes the effective configuration of n sources, the configuration and the
 * files that it includes, in their order, of which it believes nothing: at worst they
 * are another valid configuration.  as_root chooses the defaults.  Returns the
 * configuration, which the caller frees with free(), or NULL with errors in
 * report, which may have some before.
 */
struct conf *settings_make(const struct source *sources, size_t n, bool as_root,
    struct report *report);

#endif
