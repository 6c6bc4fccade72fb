/* The file that keeps what the operator said of the listeners. */
#include "config.h"

#include "master/state_file.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/file.h"
#include "shared/atomic_write.h"

enum state_file_result
state_file_read(const char *path, struct state_words *words, const char **why)
{
	char *text;
	size_t length;
	int result;

	words->n = 0;
	if (file_read(path, STATE_TEXT_MAX, FILE_OF_ANYBODY, &text, &length,
		why) == -1) {
		if (errno == ENOENT)
			return STATE_FILE_ABSENT;
		return errno == 0 ? STATE_FILE_DAMAGED : STATE_FILE_UNREADABLE;
	}
	result = state_words_parse(words, text, length);
	free(text);
	if (result == 0)
		return STATE_FILE_GOOD;
	*why = "is not as it was written";
	return STATE_FILE_DAMAGED;
}

/* Notes the step that failed, if it did. */
static int
noted(int result, const char *name, const char **step)
{
	if (result == -1)
		*step = name;
	return result;
}

static int
beside(char name[PATH_MAX], const char *path, const char *suffix)
{
	if (snprintf(name, PATH_MAX, "%s%s", path, suffix) < PATH_MAX)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

static int
remove_stale(const char *name)
{
	return unlink(name) == -1 && errno != ENOENT ? -1 : 0;
}

/* Keeps errno. */
static void
close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

static int
create_new(const char *name, const char **step)
{
	int fd;

	if (noted(remove_stale(name), "remove old", step) == -1)
		return -1;
	fd = open(
	    name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	return noted(fd, "create", step);
}

/* Some file systems have nothing to sync in a directory: EINVAL. */
static int
sync_directory(const char *path)
{
	char name[PATH_MAX];
	char *slash;
	int fd, result;

	if (beside(name, path, "") == -1)
		return -1;
	slash = strrchr(name, '/');
	if (slash == NULL)
		memcpy(name, ".", sizeof("."));
	else
		slash[1] = '\0';
	fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	result = atomic_sync(fd);
	close_quietly(fd);
	return result == -1 && errno == EINVAL ? 0 : result;
}

int
state_file_write(
    const char *path, const struct state_words *words, const char **step)
{
	static char text[STATE_TEXT_MAX];
	size_t length = state_words_format(words, text, sizeof(text));
	char name[PATH_MAX];
	struct atomic_write file = { -1, name, path, 0600 };
	const char *failed;

	errno = EINVAL;
	if (noted(length == 0 ? -1 : 0, "format", step) == -1 ||
	    noted(beside(name, path, ".new"), "name", step) == -1)
		return -1;
	file.fd = create_new(name, step);
	if (file.fd == -1)
		return -1;
	failed = atomic_write(&file, text, length);
	if (failed != NULL)
		return noted(-1, failed, step);
	return noted(sync_directory(path), "sync directory", step);
}

int
state_file_set_aside(const char *path)
{
	char name[PATH_MAX];

	if (beside(name, path, ".damaged") == -1)
		return -1;
	return rename(path, name);
}

/* Sets errno to EAGAIN and the holder, when another process has the lock. */
static int
lock_take(int fd, pid_t *holder)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_SETLK, &lock) == 0)
		return 0;
	if (errno != EACCES && errno != EAGAIN)
		return -1;
	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK &&
	    lock.l_pid > 0)
		*holder = lock.l_pid;
	errno = EAGAIN;
	return -1;
}

static int
lock_open(const char *name)
{
	int fd = open(name,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
	    0600);
	struct stat st;
	int error;

	if (fd == -1)
		return -1;
	error = fstat(fd, &st) == -1 ? errno : S_ISREG(st.st_mode) ? 0 : EINVAL;
	if (error == 0)
		return fd;
	close(fd);
	errno = error;
	return -1;
}

int
state_file_lock(const char *path, pid_t *holder, const char **step)
{
	char name[PATH_MAX];
	int fd;

	*holder = 0;
	if (noted(beside(name, path, ".lock"), "name", step) == -1)
		return -1;
	fd = lock_open(name);
	if (noted(fd, "open lock", step) == -1)
		return -1;
	beside(name, path, ".new"); /* fits where ".lock" has */
	if (noted(lock_take(fd, holder), "lock", step) == 0 &&
	    noted(remove_stale(name), "remove old", step) == 0)
		return fd;
	close_quietly(fd);
	return -1;
}
