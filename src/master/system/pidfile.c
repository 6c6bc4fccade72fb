/* The PID file. */
#include "config.h"

#include "master/system/pidfile.h"

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/log.h"

#define TEXT_MAX 16 /* more than a pid and its newline */
#define DIGITS_MAX 10

static int held = -1;
static char *held_path; /* a copy: configurations come and go */

static void
must(bool done, const char *path, const char *step)
{
	if (!done)
		fatal(cause_of(errno, EXIT_CONFIG), "%s: %s: %s%s", path, step,
		    strerror(errno),
		    errno == ELOOP ? " (it must not be a link)" : "");
}

/* Ends the process: somebody else has the lock. */
_Noreturn static void
refuse(int fd, const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) == 0 && lock.l_type != F_UNLCK)
		fatal(EXIT_RUNNING,
		    "%s: locked: another instance is running, pid %d", path,
		    (int)lock.l_pid);
	fatal(EXIT_RUNNING, "%s: locked: another instance is running", path);
}

/* F_WRLCK: nobody else has the file.  F_RDLCK: nobody may get it so. */
static int
open_locked(const char *path, int flags, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET };
	int fd = open(path,
	    flags | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0644);
	struct stat st;

	must(fd != -1, path, "open");
	must(fstat(fd, &st) == 0, path, "fstat");
	if (!S_ISREG(st.st_mode))
		fatal(EXIT_CONFIG, "%s: open: is not a regular file", path);
	if (fcntl(fd, F_SETLK, &lock) == -1) {
		if (errno == EACCES || errno == EAGAIN)
			refuse(fd, path);
		must(false, path, "lock");
	}
	return fd;
}

/* False when the last instance removed the file between our open and our
 * lock. */
static bool
is_still_there(int fd, const char *path)
{
	struct stat ours, theirs;
	int result = lstat(path, &theirs);

	must(fstat(fd, &ours) == 0, path, "fstat");
	must(result == 0 || errno == ENOENT, path, "lstat");
	return result == 0 && ours.st_ino == theirs.st_ino &&
	    ours.st_dev == theirs.st_dev;
}

/* The file's text, cut; returns its length. */
static size_t
text_read(int fd, const char *path, char text[TEXT_MAX])
{
	ssize_t n = pread(fd, text, TEXT_MAX - 1, 0);

	must(n != -1, path, "read");
	text[n] = '\0';
	return (size_t)n;
}

/* Empty, or a number with or without its newline. */
static bool
is_pid(const char *text, size_t length)
{
	size_t digits = strspn(text, "0123456789");

	if (length == 0)
		return true;
	return digits > 0 && digits <= DIGITS_MAX &&
	    (length == digits ||
		(length == digits + 1 && text[digits] == '\n'));
}

/* Ends the process when the file is somebody else's, or something other than a
 * PID file: it would be overwritten. */
static void
check(int fd, const char *path)
{
	char text[TEXT_MAX];
	struct stat st;
	size_t length = text_read(fd, path, text);

	must(fstat(fd, &st) == 0, path, "fstat");
	if (st.st_uid != 0 && st.st_uid != geteuid())
		fatal(EXIT_CONFIG, "%s: belongs to user %u, who could write "
		    "any pid into it: remove it",
		    path, (unsigned)st.st_uid);
	if ((st.st_mode & (S_IWGRP | S_IWOTH)) != 0)
		fatal(EXIT_CONFIG, "%s: group or others can write it "
		    "(mode %04o): chmod go-w it",
		    path, (unsigned)(st.st_mode & 07777));
	if (!is_pid(text, length))
		fatal(EXIT_CONFIG, "%s: holds something other than a pid: not "
		    "overwritten", path);
}

/* Without privileges we may not be allowed to; the lock is gone anyhow. */
static void
release(void)
{
	if (unlink(held_path) == -1 && errno != EACCES && errno != EPERM &&
	    errno != ENOENT)
		log_line(LOG_WARNING, "pid_file: %s: cannot be removed: %s",
		    held_path, strerror(errno));
	free(held_path);
	close(held);
	held = -1;
}

static void
text_write(int fd, const char *path, const char *text)
{
	ssize_t length = (ssize_t)strlen(text);

	must(ftruncate(fd, 0) == 0, path, "truncate");
	errno = ENOSPC; /* of a short write */
	must(pwrite(fd, text, (size_t)length, 0) == length, path, "write");
}

/*
 * Writes, and goes on with a descriptor that cannot: whoever breaks into the
 * daemon must not choose whom "kill $(cat FILE)" ends.  The lock goes with the
 * close, so another instance may come in between; the file then has its pid.
 */
static void
settle(int fd, const char *path)
{
	char text[TEXT_MAX], found[TEXT_MAX];

	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	text_write(fd, path, text);
	close(fd);
	held = open_locked(path, O_RDONLY, F_RDLCK);
	text_read(held, path, found);
	if (strcmp(found, text) != 0)
		refuse(held, path);
}

static void
keep(int fd, const char *path)
{
	held = fd;
	held_path = strdup(path);
	if (held_path == NULL)
		fatal(EXIT_SYSTEM, "%s: %s", path, strerror(errno));
	atexit(release);
}

int
pidfile_descriptor(void)
{
	return held;
}

void
pidfile_keep(int fd, const char *path)
{
	if (fd != -1)
		keep(fd, path);
}

void
pidfile_take(const char *path)
{
	int fd;

	if (*path == '\0')
		return;
	fd = open_locked(path, O_RDWR | O_CREAT, F_WRLCK);
	while (!is_still_there(fd, path)) {
		close(fd);
		fd = open_locked(path, O_RDWR | O_CREAT, F_WRLCK);
	}
	check(fd, path);
	settle(fd, path);
	keep(held, path);
}
