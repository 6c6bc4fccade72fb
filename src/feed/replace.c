/* Files whose readers find the old content or the new one, whole. */
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

#include "feed/run.h"
#include "feed/say.h"

#define RANDOM "XXXXXX" /* mkostemp(3) */
#define MARK ".feed-" /* between the file's name and that */

/* Stores the path of its directory, with the slash, or "./"; returns its name,
 * which points into path, or NULL with errno. */
static const char *
split(const char *path, char folder[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t length = slash == NULL ? 0 : (size_t)(slash - path) + 1;

	if (length + strlen("./") >= PATH_MAX) {
		errno = ENAMETOOLONG;
		return NULL;
	}
	memcpy(folder, slash == NULL ? "./" : path, length == 0 ? 2 : length);
	folder[length == 0 ? 2 : length] = '\0';
	return path + length;
}

/* ".NAME.feed-XXXXXX" */
static bool
is_temporary(const char *entry, const char *name)
{
	size_t length = strlen(name);

	return entry[0] == '.' && strncmp(entry + 1, name, length) == 0 &&
	    strncmp(entry + 1 + length, MARK, strlen(MARK)) == 0 &&
	    strlen(entry + 1 + length) == strlen(MARK RANDOM);
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

/* Returns 0, or -1 with errno. */
static int
remove_stale(const char *folder, const char *name)
{
	DIR *entries = opendir(folder);
	struct dirent *entry;

	if (entries == NULL)
		return -1;
	while ((entry = readdir(entries)) != NULL)
		if (is_temporary(entry->d_name, name))
			remove_unless_locked(dirfd(entries), entry->d_name);
	closedir(entries);
	return 0;
}

int
replace_prepare(const char *path)
{
	char folder[PATH_MAX];
	struct stat info;
	const char *name = split(path, folder);

	if (name == NULL)
		return -1;
	if (lstat(path, &info) == 0) {
		if (!S_ISREG(info.st_mode)) {
			errno = EINVAL;
			return -1;
		}
	} else if (errno != ENOENT) {
		return -1;
	}
	if (faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == -1)
		return -1;
	return remove_stale(folder, name);
}

static int
write_all(int fd, const char *bytes, size_t length)
{
	ssize_t n;

	while (length > 0) {
		n = write(fd, bytes, length);
		if (n == -1 && errno != EINTR)
			return -1;
		if (n > 0) {
			bytes += n;
			length -= (size_t)n;
		}
	}
	return 0;
}

static int
fill(int fd, const char *bytes, size_t length)
{
	/* A file system without locks must do without them. */
	(void)flock(fd, LOCK_EX | LOCK_NB);
	if (write_all(fd, bytes, length) == -1 || fchmod(fd, 0644) == -1)
		return -1;
	return fsync(fd);
}

/* Returns 0, or -1 with errno; nothing is left then. */
static int
replace(const char *path, const char *bytes, size_t length)
{
	char folder[PATH_MAX], temporary[PATH_MAX];
	const char *name = split(path, folder);
	int fd, n, error, result;

	if (name == NULL)
		return -1;
	n = snprintf(
	    temporary, sizeof(temporary), "%s.%s" MARK RANDOM, folder, name);
	if (n < 0 || (size_t)n >= sizeof(temporary)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	fd = mkostemp(temporary, O_CLOEXEC);
	if (fd == -1)
		return -1;
	result = fill(fd, bytes, length);
	if (result == 0)
		result = rename(temporary, path);
	error = errno;
	if (result == -1)
		unlink(temporary);
	close(fd);
	errno = error;
	return result;
}

void
replace_fail(struct replaced *file, int error)
{
	if (error == file->error)
		return;
	if (error == EFBIG)
		say("%s: not written: more than %d bytes", file->path,
		    RUN_OUTPUT_MAX);
	else
		say("%s: not written: %s", file->path, strerror(error));
	file->error = error;
}

bool
replace_file(struct replaced *file, const char *bytes, size_t length)
{
	if (file->path == NULL)
		return true;
	if (replace(file->path, bytes, length) == -1) {
		replace_fail(file, errno);
		return false;
	}
	if (file->error != 0)
		say("%s: works again", file->path);
	file->error = 0;
	return true;
}
