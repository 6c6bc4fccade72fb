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

static int held = -1;
static char *held_path; /* a copy: configurations come and go */

/* Ends the process: another instance has the lock. */
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

static int
open_locked(const char *path)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	struct stat st;
	int fd = open(path,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY,
	    0644);

	if (fd == -1)
		fatal(EXIT_SYSTEM, "%s: open: %s%s", path, strerror(errno),
		    errno == ELOOP ? " (it must not be a link)" : "");
	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))
		fatal(EXIT_SYSTEM, "%s: open: is not a regular file", path);
	if (fcntl(fd, F_SETLK, &lock) == -1) {
		if (errno == EACCES || errno == EAGAIN)
			refuse(fd, path);
		fatal(EXIT_SYSTEM, "%s: lock: %s", path, strerror(errno));
	}
	return fd;
}

/* False when the last instance removed the file between our open and our
 * lock. */
static bool
is_still_there(int fd, const char *path)
{
	struct stat ours, theirs;

	return fstat(fd, &ours) == 0 && lstat(path, &theirs) == 0 &&
	    ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

static void
release(void)
{
	if (ftruncate(held, 0) == -1)
		log_line(LOG_WARNING, "%s: truncate: %s", held_path,
		    strerror(errno));
	unlink(held_path);
	free(held_path);
	close(held);
	held = -1;
}

void
pidfile_take(const char *path)
{
	char text[16];
	int length;

	if (*path == '\0')
		return;
	held = open_locked(path);
	while (!is_still_there(held, path)) {
		close(held);
		held = open_locked(path);
	}
	held_path = strdup(path);
	if (held_path == NULL)
		fatal(EXIT_SYSTEM, "%s: %s", path, strerror(errno));
	atexit(release);
	length = snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(held, 0) == -1 || pwrite(held, text, (size_t)length, 0) !=
		length)
		fatal(EXIT_SYSTEM, "%s: write: %s", path, strerror(errno));
}
