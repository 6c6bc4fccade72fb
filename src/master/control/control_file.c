/* The control socket's file. */
#include "config.h"

#include "master/control/control_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/control/credentials.h"
#include "master/system/directory.h"
#include "master/system/log.h"
#include "master/system/privileges.h"
#include "shared/control.h"

#define BACKLOG 64 /* connections that wait for one of the few places */

/* The socket's file while it is ours. */
static struct {
	int directory; /* -1: there is no file */
	char name[CONTROL_PATH_MAX + 1];
	struct stat file;
	struct control_group group;
} ours = { .directory = -1 };

/* The functions below return -1 with the reason in *why, or, when that stays
 * NULL, in errno. */

static int
directory_check(int directory, const char **why)
{
	struct stat st;

	if (fstat(directory, &st) == -1)
		return -1;
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		*why = "its directory belongs to another user";
		return -1;
	}
	if (directory_is_open(&st)) {
		*why = "its directory is writable by others, use chmod go-w";
		return -1;
	}
	return 0;
}

static struct sockaddr_un
address_of(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	return address;
}

/* Returns 0 when nobody listens at path, or -1.  A full queue is somebody. */
static int
ask(const char *path, const char **why)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int result = -1, saved;

	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0 ||
	    errno == EAGAIN)
		*why = "another daemon answers there";
	else if (errno == EACCES)
		*why = "another user's socket is there, and there is no way "
		       "to ask whether anybody listens";
	else if (errno == ECONNREFUSED)
		result = 0;
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

/* ask(), and once more as root if we can: one that another user left may be
 * asked by nobody else, and root may lack the capability for our own. */
static int
ask_as_both(
    const char *path, const struct identity *identity, const char **why)
{
	int result = ask(path, why), saved;

	if (result == 0 || errno != EACCES || identity == NULL)
		return result;
	*why = NULL;
	privileges_return();
	result = ask(path, why);
	saved = errno;
	privileges_borrow(identity);
	errno = saved;
	return result;
}

/* Removes the socket of a dead daemon. */
static int
make_room(
    const char *path, const struct identity *identity, const char **why)
{
	struct stat st;

	if (fstatat(ours.directory, ours.name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		*why = "there is something other than a socket";
		return -1;
	}
	if (ask_as_both(path, identity, why) == -1)
		return -1;
	return unlinkat(ours.directory, ours.name, 0);
}

/* As our own user, not as root: somebody else of that user may have put another
 * file there meanwhile. */
static void
group_set(const char *path)
{
	bool is_its = ours.file.st_gid == ours.group.gid;

	if (!ours.group.is_set)
		return;
	if ((is_its || fchownat(ours.directory, ours.name, (uid_t)-1,
			   ours.group.gid, AT_SYMLINK_NOFOLLOW) == 0) &&
	    fchmodat(ours.directory, ours.name, 0660, 0) == 0)
		return;
	log_line(LOG_WARNING,
	    "control_group: %s: cannot be given to group %u: %s (its members "
	    "may not look)", path, (unsigned)ours.group.gid, strerror(errno));
}

/* Returns the listening socket. */
static int
bind_file(const char *path)
{
	struct sockaddr_un address = address_of(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t mask = umask(0177);
	int bound = -1, error;

	if (fd != -1)
		bound = bind(fd, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	if (bound == 0 && listen(fd, BACKLOG) == 0 &&
	    fstatat(ours.directory, ours.name, &ours.file,
		AT_SYMLINK_NOFOLLOW) == 0) {
		group_set(path);
		return fd;
	}
	error = errno;
	if (bound == 0)
		unlinkat(ours.directory, ours.name, 0);
	if (fd != -1)
		close(fd);
	errno = error;
	return -1;
}

/* For exit(3). */
static void
release(void)
{
	struct stat st;
	int result =
	    fstatat(ours.directory, ours.name, &st, AT_SYMLINK_NOFOLLOW);

	if (result == 0 && st.st_ino == ours.file.st_ino &&
	    st.st_dev == ours.file.st_dev)
		result = unlinkat(ours.directory, ours.name, 0);
	if (result == -1 && errno != ENOENT)
		log_line(LOG_WARNING, "control_socket: %s: cannot be removed: %s",
		    ours.name, strerror(errno));
	close(ours.directory);
}

static int
make(const char *path, const char *directory, const struct identity *identity,
    const char **why)
{
	struct identity maker;
	int fd, saved;

	ours.directory =
	    open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (ours.directory == -1 && errno == ENOENT)
		ours.directory = identity != NULL ?
		    directory_make(directory, identity, why) :
		    directory_make_own(directory);
	if (ours.directory == -1)
		return -1;
	/* A file belongs to the group of who makes it. */
	if (identity != NULL) {
		maker = *identity;
		if (ours.group.is_set)
			maker.gid = ours.group.gid;
		privileges_borrow(&maker);
	}
	fd = -1;
	if (directory_check(ours.directory, why) == 0 &&
	    make_room(path, identity == NULL ? NULL : &maker, why) == 0)
		fd = bind_file(path);
	saved = errno;
	if (identity != NULL)
		privileges_return();
	errno = saved;
	return fd;
}

int
control_file_restore(int fd, const char *path)
{
	struct stat st;
	int fresh;

	if (fd == -1 || ours.directory == -1 ||
	    fstatat(ours.directory, ours.name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	    errno != ENOENT)
		return fd;
	fresh = bind_file(path);
	if (fresh == -1) {
		log_line(LOG_WARNING,
		    "control_socket: %s: was removed, and cannot be made "
		    "again: %s", path, strerror(errno));
		return fd;
	}
	close(fd);
	log_line(LOG_NOTICE, "control_socket: %s: was removed, made again",
	    path);
	return fresh;
}

static void
note_name(const char *path, const struct control_group *group)
{
	char text[CONTROL_PATH_MAX + 1];

	ours.group = *group;
	snprintf(text, sizeof(text), "%s", path);
	snprintf(ours.name, sizeof(ours.name), "%s", basename(text));
}

void
control_file_identify(uint64_t *device, uint64_t *inode)
{
	bool there = ours.directory != -1;

	*device = there ? ours.file.st_dev : 0;
	*inode = there ? ours.file.st_ino : 0;
}

void
control_file_keep(const char *path, const struct control_group *group,
    uint64_t device, uint64_t inode)
{
	char text[CONTROL_PATH_MAX + 1];

	note_name(path, group);
	snprintf(text, sizeof(text), "%s", path);
	ours.directory = open(
	    dirname(text), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	ours.file.st_dev = (dev_t)device;
	ours.file.st_ino = (ino_t)inode;
	if (ours.directory != -1)
		atexit(release);
	else
		log_line(LOG_WARNING,
		    "control_socket: %s: its directory cannot be opened: %s",
		    path, strerror(errno));
}

int
control_file_make(const char *path, const struct identity *identity,
    const struct control_group *group)
{
	char text[CONTROL_PATH_MAX + 1];
	const char *why = NULL;
	int fd;

	if (*path == '\0')
		return -1;
	note_name(path, group);
	snprintf(text, sizeof(text), "%s", path);
	fd = make(path, dirname(text), identity, &why);
	if (fd != -1) {
		atexit(release);
		return fd;
	}
	if (why != NULL)
		log_line(LOG_WARNING,
		    "control_socket: %s: %s (continuing without "
		    "it)",
		    path, why);
	else
		log_line(LOG_WARNING,
		    "control_socket: %s: %s%s%s (continuing "
		    "without it)",
		    path, strerror(errno), identity != NULL ? ", as user " : "",
		    identity != NULL ? identity->user : "");
	if (ours.directory != -1)
		close(ours.directory);
	ours.directory = -1;
	return -1;
}
