/* Files that are replaced, and what an earlier attempt has left. */
#include "config.h"

#include "feed/replace.h"

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/atomic_write.h"

#define RANDOM "XXXXXX" /* mkostemp(3) */

static const char *
last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? path : slash + 1;
}

/* Stores "FOLDER/.NAME.feed-XXXXXX" for "FOLDER/NAME".  Returns 0, or -1 with
 * errno. */
static int
name_temporary(const char *path, char temporary[PATH_MAX])
{
	const char *name = last_part(path);
	int n = snprintf(temporary, PATH_MAX, "%.*s.%s.feed-" RANDOM,
	    (int)(name - path), path, name);

	if (n >= 0 && n < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* Whoever writes to it holds its lock. */
static void
remove_unless_locked(int folder, const char *entry)
{
	int fd = openat(
	    folder, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	if (fd == -1)
		return;
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		unlinkat(folder, entry, 0);
	close(fd);
}

static void
remove_stale(DIR *folder, const char *template)
{
	size_t length = strlen(template);
	struct dirent *entry;

	while ((entry = readdir(folder)) != NULL)
		if (strlen(entry->d_name) == length &&
		    strncmp(entry->d_name, template,
			length - strlen(RANDOM)) == 0)
			remove_unless_locked(dirfd(folder), entry->d_name);
}

/* Of the file or of nothing; returns 0, or -1 with errno. */
static int
check_type(const char *path)
{
	struct stat info;

	if (lstat(path, &info) == -1)
		return errno == ENOENT ? 0 : -1;
	if (S_ISREG(info.st_mode))
		return 0;
	errno = EINVAL;
	return -1;
}

int
replace_prepare(const char *path)
{
	char temporary[PATH_MAX], name[PATH_MAX];
	int length = (int)(last_part(path) - path), result;
	DIR *folder;

	if (check_type(path) == -1 || name_temporary(path, temporary) == -1)
		return -1;
	snprintf(name, sizeof(name), "%.*s.", length, path);
	folder = opendir(name);
	if (folder == NULL)
		return -1;
	result = faccessat(dirfd(folder), ".", W_OK | X_OK, AT_EACCESS);
	if (result == 0)
		remove_stale(folder, temporary + length);
	closedir(folder);
	return result;
}

int
replace_file(const char *path, const char *bytes, size_t length)
{
	char temporary[PATH_MAX];
	struct atomic_write file = { -1, temporary, path, 0644 };

	if (name_temporary(path, temporary) == -1)
		return -1;
	file.fd = mkostemp(temporary, O_CLOEXEC);
	if (file.fd == -1)
		return -1;
	/* A file system without locks must do without them. */
	(void)flock(file.fd, LOCK_EX | LOCK_NB);
	return atomic_write(&file, bytes, length) == NULL ? 0 : -1;
}
