/* The files that a configuration includes. */
#include "config.h"

#include "master/config/include.h"

#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/config/entries.h"
#include "master/config/kept.h"
#include "master/config/text_check.h"
#include "master/system/file.h"
#include "master/system/privileges.h"
#include "master/system/report.h"

/* Looks at a directory that changes while it is read; then what has been read
 * last is taken. */
#define TRIES_MAX 10

/* What include_read() works on. */
struct search {
	struct include *include;
	const char *pattern;
	const char *name; /* the last part of the pattern */
	const char *path; /* the configuration, and the line of its include */
	unsigned line;
	size_t room;
	struct report *report;
};

/* -------------------------------------------------------------- the names */

static void
fail(const struct search *search, int error)
{
	report_failure(search->report, cause_of(error, EXIT_CONFIG),
	    "%s:%u: include: \"%s\": %s", search->path, search->line,
	    search->pattern, strerror(error));
}

static bool
has_wildcard(const struct search *search)
{
	return search->name[strcspn(search->name, TEXT_CHECK_WILDCARDS)] !=
	    '\0';
}

static int
add(const struct search *search, const char *name)
{
	struct include *include = search->include;
	char *path;

	if (include->n == CONF_INCLUDED_MAX) {
		report_error(search->report,
		    "%s:%u: include: \"%s\": more than %d files match, "
		    "expected fewer: each has a listener, and there cannot be "
		    "more of them", search->path, search->line,
		    search->pattern, CONF_INCLUDED_MAX);
		return -1;
	}
	if (asprintf(&path, "%.*s%s", (int)(search->name - search->pattern),
		search->pattern, name) == -1) {
		fail(search, ENOMEM);
		return -1;
	}
	include->file[include->n++] = (struct include_file) { .path = path };
	return 0;
}

static int
by_path(const void *a, const void *b)
{
	const struct include_file *x = a, *y = b;

	return strcmp(x->path, y->path);
}

static int
add_matches(const struct search *search, DIR *directory)
{
	struct dirent *entry;

	while (errno = 0, (entry = readdir(directory)) != NULL)
		if (fnmatch(search->name, entry->d_name, FNM_PERIOD) == 0 &&
		    add(search, entry->d_name) == -1)
			return -1;
	if (errno == 0)
		return 0;
	fail(search, errno);
	return -1;
}

/* The directory of the pattern, in whose last part name is; NULL with errno. */
static DIR *
open_directory(const char *pattern, const char *name)
{
	char *path = strndup(pattern, (size_t)(name - pattern));
	DIR *directory;
	int error;

	if (path == NULL)
		return NULL;
	directory = opendir(path);
	error = errno;
	free(path);
	errno = error;
	return directory;
}

/* The names that match, one behind the other with their NULs, are kept under the
 * pattern.  False: they are not. */
static bool
list_kept(const struct search *search, int *result)
{
	char *names, *name;
	size_t length;

	if (!kept_find(KEPT_NAMES, search->pattern, &names, &length))
		return false;
	*result = 0;
	for (name = names; name < names + length && *result == 0;
	     name += strlen(name) + 1)
		*result = add(search, name);
	free(names);
	return true;
}

static void
list_keep(const struct search *search)
{
	size_t i, at = (size_t)(search->name - search->pattern), length = 0;
	static char names[CONF_INCLUDED_MAX * (NAME_MAX + 1)];

	for (i = 0; i < search->include->n; i++)
		length += (size_t)snprintf(names + length,
		    sizeof(names) - length, "%s",
		    search->include->file[i].path + at) + 1;
	kept_add(KEPT_NAMES, search->pattern, names, length);
}

/* A missing directory has no files. */
static int
list(const struct search *search)
{
	DIR *directory;
	int result;

	if (list_kept(search, &result))
		return result;
	directory = open_directory(search->pattern, search->name);
	if (directory == NULL && errno == ENOENT)
		return 0;
	if (directory == NULL) {
		fail(search, errno);
		return -1;
	}
	result = add_matches(search, directory);
	closedir(directory);
	qsort(search->include->file, search->include->n,
	    sizeof(search->include->file[0]), by_path);
	list_keep(search);
	return result;
}

int
include_readable(const char *pattern, const char **why)
{
	DIR *directory =
	    open_directory(pattern, strrchr(pattern, '/') + 1);

	*why = strerror(errno);
	if (directory == NULL)
		return errno == ENOENT ? 0 : -1;
	closedir(directory);
	return 0;
}

/* Is what the directory has now what include has? */
static bool
is_settled(const struct search *search, int *result)
{
	struct include now = { .n = 0 };
	struct search again = *search;
	size_t i;
	bool same;

	again.include = &now;
	*result = list(&again);
	same = *result == 0 && now.n == search->include->n;
	for (i = 0; same && i < now.n; i++)
		same = by_path(&now.file[i], &search->include->file[i]) == 0;
	include_free(&now);
	return same;
}

/* -------------------------------------------------------------- the texts */

int
include_text(const char *path, char **text, size_t *length, const char **why)
{
	if (kept_find(KEPT_TEXT, path, text, length))
		return 0;
	if (file_read(path, CONF_FILE_MAX, privileges_are_root()
		    ? FILE_OF_ANYBODY : FILE_OF_ROOT_OR_US, text, length,
		why) == -1)
		return -1;
	kept_add(KEPT_TEXT, path, *text, *length);
	return 0;
}

/* Was it gone for a moment at least, since its directory was read?  It may have
 * come back.  A link that leads nowhere was not. */
static bool
was_gone(const char *path, int error)
{
	struct stat status;

	if (error != ENOENT)
		return false;
	return lstat(path, &status) == -1 ? errno == ENOENT
	    : !S_ISLNK(status.st_mode) || stat(path, &status) == 0;
}

static int
take_file(const struct search *search, struct include_file *file, size_t *left)
{
	const char *why;
	int error;

	if (include_text(file->path, &file->text, &file->length, &why) == -1) {
		error = errno;
		file->text = NULL;
		if (was_gone(file->path, error))
			return 0;
		report_failure(search->report, cause_of(error, EXIT_CONFIG),
		    "%s: %s (included by %s:%u)", file->path, why,
		    search->path, search->line);
		return -1;
	}
	if (file->length <= *left) {
		*left -= file->length;
		return 0;
	}
	report_error(search->report,
	    "%s: is too large, expected at most %u bytes with %s and the "
	    "included files before it",
	    file->path, CONF_FILE_MAX, search->path);
	return -1;
}

static int
take_files(const struct search *search)
{
	struct include *include = search->include;
	size_t left = search->room, i;
	int result = 0;

	for (i = 0; i < include->n; i++)
		if (take_file(search, &include->file[i], &left) == -1)
			result = -1;
	return result;
}

/* Those that have gone are out. */
static void
drop_gone(struct include *include)
{
	size_t i, n = 0;

	for (i = 0; i < include->n; i++)
		if (include->file[i].text != NULL)
			include->file[n++] = include->file[i];
		else
			free(include->file[i].path);
	include->n = n;
}

/* A name without a wildcard is that of a file that should be there. */
static int
check_found(const struct search *search)
{
	if (search->include->n > 0 || has_wildcard(search))
		return 0;
	fail(search, ENOENT);
	return -1;
}

int
include_read(struct include *include, const struct entry *entry,
    const char *path, size_t room, struct report *report)
{
	struct search search = { include, entry->text,
		strrchr(entry->text, '/') + 1, path, entry->line, room,
		report };
	unsigned tries = 0;
	int result;

	do {
		include_free(include);
		if (list(&search) == -1 || take_files(&search) == -1)
			return -1;
		drop_gone(include);
	} while (!is_settled(&search, &result) && result == 0 &&
	    ++tries < TRIES_MAX);
	return result == 0 ? check_found(&search) : -1;
}

void
include_free(struct include *include)
{
	struct include_file *file = include->file;

	for (; file < include->file + include->n; file++) {
		if (file->text != NULL)
			explicit_bzero(file->text, file->length);
		free(file->text);
		free(file->path);
	}
	include->n = 0;
}
