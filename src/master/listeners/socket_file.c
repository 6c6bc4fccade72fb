/* UNIX sockets that listeners have, and their files. */
#include "config.h"

#include "master/listeners/socket_file.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/listeners/listener.h"
#include "master/listeners/socket_access.h"
#include "master/system/directory.h"
#include "master/system/privileges.h"

/* Files that were made and are not in use yet: whoever ends before that removes
 * them. */
static struct {
	struct listener made[CONF_ADDRESSES_MAX];
	size_t n;
	pid_t pid; /* 0: none was ever made */
} fresh;

static const struct identity *becomes;

void
socket_file_begin(const struct identity *identity)
{
	becomes = identity;
}

/* The file itself and not what another process may have put in its place, by a
 * descriptor that is good for nothing else; -1 with errno. */
static int
file_open(const struct listener *listener)
{
	int fd = open(listener->path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_ino == listener->inode && st.st_dev == listener->device)
		return fd;
	close(fd);
	errno = ESTALE;
	return -1;
}

/* chmod(2) has no AT_EMPTY_PATH before Linux 6.6, and /proc may be missing. */
int
socket_file_change(const struct listener *listener)
{
	int fd, result;

	if (listener->inode == 0)
		return 0;
	fd = file_open(listener);
	if (fd == -1)
		return -1;
	result = socket_access_give(fd, &listener->access, becomes);
	if (result == 0)
		result = chmod(listener->path, listener->access.mode);
	close(fd);
	return result;
}

/* --------------------------------------------------------------------- its place */

_Static_assert(CONF_SOCKET_MAX <= sizeof(((struct sockaddr_un *)0)->sun_path),
    "the longest fits");

static socklen_t
address_of(const struct listener *listener, struct sockaddr_un *address)
{
	size_t length = strlen(listener->path);

	*address = (struct sockaddr_un) { .sun_family = AF_UNIX };
	memcpy(address->sun_path, listener->path, length);
	if (listener->path[0] == '/')
		return sizeof(*address);
	address->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

/*
 * Returns 0 when no process has a socket bound there, or -1 with errno,
 * EADDRINUSE when one has.  The socket that asks is of a type that ours are not:
 * the kernel says so (EPROTOTYPE) of one that is bound, also before it listens,
 * and nobody becomes its client.
 */
static int
ask_now(const struct listener *listener)
{
	struct sockaddr_un address;
	socklen_t length = address_of(listener, &address);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int error = 0;

	if (fd == -1)
		return -1;
	if (connect(fd, (struct sockaddr *)&address, length) == -1)
		error = errno;
	close(fd);
	if (error == ECONNREFUSED || error == ENOENT)
		return 0;
	errno = error == 0 || error == EPROTOTYPE ? EADDRINUSE : error;
	return -1;
}

/* And once more as root, if we can: one that another user has left may be asked by
 * nobody else, and root may lack the capability for our own. */
static int
ask(const struct listener *listener, const char **why)
{
	int result = ask_now(listener), saved = errno;

	if (result == -1 && errno == EACCES && becomes != NULL &&
	    geteuid() == becomes->uid) {
		privileges_return();
		result = ask_now(listener);
		saved = errno;
		privileges_borrow(becomes);
	}
	errno = saved;
	if (result == -1 && errno == EADDRINUSE)
		*why = "another program has it: see 'ss -lxp'";
	else if (result == -1 && errno == EACCES)
		*why = "another user's socket is there, and there is no way to "
		       "ask whether anybody has it";
	return result;
}

/* Removes what a dead daemon has left. */
static int
make_room(const struct listener *listener, const char **why)
{
	struct stat st;

	if (lstat(listener->path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		*why = SOCKET_FILE_OTHER;
		errno = EADDRINUSE;
		return -1;
	}
	if (ask(listener, why) == -1)
		return -1;
	/* Another one that starts may have removed it just now. */
	return unlink(listener->path) == 0 || errno == ENOENT ? 0 : -1;
}

/* Not what somebody has put in its place meanwhile: it would be given away. */
static int
note(struct listener *listener)
{
	struct stat st;

	if (lstat(listener->path, &st) == -1)
		return -1;
	if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid()) {
		errno = ESTALE;
		return -1;
	}
	listener->inode = st.st_ino;
	listener->device = st.st_dev;
	return 0;
}

/* No process has other rights to the file than the mode says, at no time. */
static int
bind_with_mode(struct listener *listener)
{
	struct sockaddr_un address;
	socklen_t length = address_of(listener, &address);
	mode_t mask = umask(0777 & ~(mode_t)listener->access.mode);
	int result = bind(listener->fd, (struct sockaddr *)&address, length);

	umask(mask);
	return result;
}

static int
take_place(struct listener *listener, const char **why)
{
	if (make_room(listener, why) == -1 || bind_with_mode(listener) == -1)
		return -1;
	return note(listener);
}

/* ---------------------------------------------------------------- as whom, and how */

/* Is it a directory in which nobody but root can put anything else in the place of
 * the file? */
static bool
is_roots(const char *directory)
{
	struct stat st;

	return lstat(directory, &st) == 0 && S_ISDIR(st.st_mode) &&
	    st.st_uid == 0 && !directory_is_open(&st);
}

/* What the daemon's user may not do, root may. */
static int
take_as_root(struct listener *listener, const char *directory, const char **why)
{
	if (is_roots(directory))
		return take_place(listener, why);
	errno = EACCES;
	return -1;
}

static void
directory_need(const char *directory, const char **why)
{
	struct stat st;
	int fd;

	if (stat(directory, &st) == 0 || errno != ENOENT)
		return;
	fd = directory_make(directory, becomes, why);
	if (fd != -1)
		close(fd);
}

static int
take_at_start(struct listener *listener, const char **why)
{
	char text[CONF_SOCKET_MAX + 1];
	const char *directory;
	int result, saved;

	memcpy(text, listener->path, sizeof(text));
	directory = dirname(text);
	directory_need(directory, why);
	privileges_borrow(becomes);
	result = take_place(listener, why);
	saved = errno;
	privileges_return();
	errno = saved;
	if (result == -1 && errno == EACCES && *why == NULL)
		result = take_as_root(listener, directory, why);
	return result;
}

/* Gives it away, which only root can. */
static int
settle(struct listener *listener, const char **why)
{
	int fd = file_open(listener), result;

	if (fd == -1)
		return -1;
	result = socket_access_give(fd, &listener->access, becomes);
	if (result == -1 && errno == EPERM)
		*why = "cannot be given to socket_owner and socket_group: only "
		       "a daemon that root starts can do that, when it starts";
	close(fd);
	return result;
}

/* ------------------------------------------------------------------ until the start */

/* For exit(3): of this process, and not of one that it has forked. */
static void
remove_fresh(void)
{
	struct listener made;

	while (fresh.pid == getpid() && fresh.n > 0) {
		made = fresh.made[--fresh.n];
		socket_file_remove(&made);
	}
}

static void
remember(const struct listener *listener)
{
	if (fresh.pid != getpid())
		atexit(remove_fresh);
	fresh.pid = getpid();
	if (fresh.n < CONF_ADDRESSES_MAX)
		fresh.made[fresh.n++] = *listener;
}

static void
forget(const struct listener *listener)
{
	size_t i = 0;

	while (i < fresh.n && strcmp(fresh.made[i].path, listener->path) != 0)
		i++;
	if (i < fresh.n)
		fresh.made[i] = fresh.made[--fresh.n];
}

void
socket_file_commit(void)
{
	fresh.n = 0;
}

static int
take(struct listener *listener, const char **why)
{
	int saved;

	if (listener->path[0] != '/')
		return bind_with_mode(listener);
	if ((becomes != NULL ? take_at_start(listener, why) :
			       take_place(listener, why)) == -1)
		return -1;
	remember(listener);
	if (settle(listener, why) == 0)
		return 0;
	saved = errno;
	socket_file_remove(listener);
	errno = saved;
	return -1;
}

int
socket_file_bind(struct listener *listener, const char **why)
{
	int saved;

	*why = NULL;
	listener->fd =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (listener->fd == -1)
		return -1;
	if (take(listener, why) == 0)
		return 0;
	saved = errno;
	close(listener->fd);
	listener->fd = -1;
	listener->inode = 0;
	errno = saved;
	return -1;
}

bool
socket_file_is_ours(const struct listener *listener, bool *gone)
{
	struct stat st;

	*gone = false;
	if (listener->inode == 0)
		return true;
	if (lstat(listener->path, &st) == -1) {
		*gone = errno == ENOENT;
		return false;
	}
	if (st.st_ino == listener->inode && st.st_dev == listener->device)
		return true;
	*gone = S_ISSOCK(st.st_mode) && ask_now(listener) == 0;
	return false;
}

bool
socket_file_stays(const struct listener *listener)
{
	char text[CONF_SOCKET_MAX + 1];

	if (listener->inode == 0 || becomes == NULL || becomes->uid == 0)
		return false;
	memcpy(text, listener->path, sizeof(text));
	return is_roots(dirname(text));
}

bool
socket_file_may_be(const char *path)
{
	struct stat st;

	return lstat(path, &st) == -1 || S_ISSOCK(st.st_mode);
}

void
socket_file_remove(const struct listener *listener)
{
	bool gone;

	if (listener->inode == 0)
		return;
	if (socket_file_is_ours(listener, &gone))
		unlink(listener->path);
	forget(listener);
}
