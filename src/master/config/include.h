/* The files that a configuration includes. */
#ifndef MASTER_INCLUDE_H
#define MASTER_INCLUDE_H

#include <stddef.h>

#include "master/config/conf.h"

struct entry;
struct report;

struct include_file {
	char *path;
	char *text; /* length bytes, and a NUL */
	size_t length;
};

/* Start with all zero. */
struct include {
	struct include_file file[CONF_INCLUDED_MAX]; /* in the order of names */
	size_t n;
};

/*
 * Finds and reads, with the caller's effective rights, the files whose path
 * matches the pattern, which is the text of the entry, in the configuration at
 * path, and passes text_check_include(); room is how many bytes they may have
 * together.  They are of one moment: a file that comes or goes meanwhile is
 * read wholly or not at all, and one that is renamed is not missed, unless the
 * directory never rests.  No file is no error, nor is a missing directory, where
 * there is a wildcard.  Returns 0, or -1 with errors in report.  include_free()
 * either way.
 */
int include_read(struct include *include, const struct entry *entry,
    const char *path, size_t room, struct report *report);

/*
 * Reads one file of a configuration, as file_read() does; of root or us, but
 * root reads it again as whom it will become.
 */
int include_text(
    const char *path, char **text, size_t *length, const char **why);

/* Can the caller's rights list the directory of the pattern?  Returns 0 (also
 * when there is none), or -1 with *why and errno. */
int include_readable(const char *pattern, const char **why);

/* Wipes and frees the texts, and frees the paths. */
void include_free(struct include *include);

#endif
