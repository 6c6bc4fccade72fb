/* Reading a file, or opening a program, that somebody else could have changed. */
#include "config.h"

#include "master/system/file.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/privileges.h"
#include "shared/userns.h"

#define WRITABLE (S_IWGRP | S_IWOTH)

/* The functions below return NULL, or why the file is not one to trust; errno is
 * 0 when that is the file's own fault. */

static const char *because(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

static const char *
because(const char *format, ...)
{
	static char text[PATH_MAX + 160];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	errno = 0;
	return text;
}

static bool
is_of_root_or_us(uid_t owner)
{
	return owner == 0 || owner == geteuid() || userns_is_unmapped(owner);
}

static const char *
check_kind(const struct stat *st)
{
	if (S_ISDIR(st->st_mode))
		return because("is a directory, not a regular file");
	if (!S_ISREG(st->st_mode))
		return because("is not a regular file");
	return NULL;
}

static const char *
check_owner(const struct stat *st, enum file_owner owner)
{
	if (owner == FILE_OF_ANYBODY || is_of_root_or_us(st->st_uid))
		return NULL;
	if (geteuid() == 0)
		return because("belongs to user %u, expected root: chown root "
		    "it", (unsigned)st->st_uid);
	return because("belongs to user %u, expected root or user %u: chown "
	    "root it", (unsigned)st->st_uid, (unsigned)geteuid());
}

/* Who could replace the file?  st is the file's. */
static const char *
check_directory(const char *path, const struct stat *st)
{
	struct stat directory;
	struct statvfs mount;

	if (stat(path, &directory) == -1 || statvfs(path, &mount) == -1)
		return strerror(errno);
	if ((directory.st_mode & WRITABLE) == 0 ||
	    (mount.f_flag & ST_RDONLY) != 0)
		return NULL;
	if ((directory.st_mode & S_ISVTX) == 0)
		return because("group or others can write its directory, "
		    "%s (mode %04o): chmod go-w %s",
		    path, (unsigned)(directory.st_mode & 07777), path);
	/* Root looks again, as whom it will become. */
	if (is_of_root_or_us(st->st_uid) || st->st_uid == directory.st_uid ||
	    privileges_are_root())
		return NULL;
	return because("belongs to user %u, in %s, where anybody can put "
	    "files: chown root it, or move it",
	    (unsigned)st->st_uid, path);
}

/* The directory that path names a file in. */
static void
directory_of(const char *path, char directory[PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	int length = slash == NULL ? 0 : (int)(slash - path);

	if (length == 0)
		snprintf(directory, PATH_MAX, "%s", slash == NULL ? "." : "/");
	else
		snprintf(directory, PATH_MAX, "%.*s", length, path);
}

/* That of the link, if path is one, and that of the file. */
static const char *
check_directories(const char *path, const struct stat *st)
{
	char file[PATH_MAX], directory[PATH_MAX];
	const char *why;

	directory_of(path, directory);
	why = check_directory(directory, st);
	if (why != NULL)
		return why;
	if (realpath(path, file) == NULL)
		return strerror(errno);
	directory_of(file, directory);
	return check_directory(directory, st);
}

/* A file of /proc or /sys: what it holds, and how much, is not known before. */
static const char *
check_system(int fd)
{
	struct statfs system;

	if (fstatfs(fd, &system) == 0 &&
	    (system.f_type == PROC_SUPER_MAGIC || system.f_type == SYSFS_MAGIC))
		return because("the kernel makes it when it is read, copy it "
		    "to an ordinary file");
	return NULL;
}

static const char *
check(int fd, const char *path, enum file_owner owner, struct stat *st)
{
	struct statvfs mount;
	const char *why;

	if (fstat(fd, st) == -1 || fstatvfs(fd, &mount) == -1)
		return strerror(errno);
	why = check_kind(st);
	if (why == NULL)
		why = check_system(fd);
	if (why == NULL && (st->st_mode & WRITABLE) != 0 &&
	    (mount.f_flag & ST_RDONLY) == 0)
		why = because("group or others can write it (mode %04o): "
		    "chmod go-w it", (unsigned)(st->st_mode & 07777));
	if (why == NULL)
		why = check_owner(st, owner);
	return why != NULL ? why : check_directories(path, st);
}

static const char *
check_size(const struct stat *st, size_t max)
{
	if (st->st_size >= 0 && (uintmax_t)st->st_size <= max)
		return NULL;
	return because("is larger than %zu bytes (%lld)", max,
	    (long long)st->st_size);
}

/* ------------------------------------------------------------------ reading */

/* Opens the file, checks it, and makes room for it and a NUL. */
static const char *
begin(struct file_reading *reading, const char *path, size_t max,
    enum file_owner owner)
{
	struct stat st;
	const char *why;

	reading->fd =
	    open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (reading->fd == -1)
		return strerror(errno);
	why = check(reading->fd, path, owner, &st);
	if (why == NULL)
		why = check_size(&st, max);
	if (why != NULL)
		return why;
	reading->length = (size_t)st.st_size;
	reading->bytes = malloc(reading->length + 1);
	return reading->bytes == NULL ? strerror(ENOMEM) : NULL;
}

int
file_begin(struct file_reading *reading, const char *path, size_t max,
    enum file_owner owner, const char **why)
{
	*reading = FILE_READING_NONE;
	*why = begin(reading, path, max, owner);
	if (*why == NULL)
		return 0;
	file_abandon(reading);
	return -1;
}

/* It must end where it should: there is room for one byte more. */
static const char *
read_piece(struct file_reading *reading, size_t most, bool *end)
{
	size_t room = reading->length + 1 - reading->done;
	ssize_t n;

	do
		n = read(reading->fd, reading->bytes + reading->done,
		    room < most ? room : most);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return strerror(errno);
	reading->done += (size_t)n;
	*end = n == 0;
	if (reading->done > reading->length ||
	    (*end && reading->done != reading->length))
		return because("changed while it was read");
	return NULL;
}

int
file_continue(struct file_reading *reading, size_t most, const char **why)
{
	bool end = false;

	*why = read_piece(reading, most, &end);
	if (*why != NULL) {
		file_abandon(reading);
		return -1;
	}
	if (!end)
		return 1;
	reading->bytes[reading->length] = '\0';
	close(reading->fd);
	reading->fd = -1;
	return 0;
}

void
file_abandon(struct file_reading *reading)
{
	int saved = errno;

	if (reading->fd != -1)
		close(reading->fd);
	free(reading->bytes);
	*reading = FILE_READING_NONE;
	errno = saved;
}

int
file_read(const char *path, size_t max, enum file_owner owner, char **bytes,
    size_t *length, const char **why)
{
	struct file_reading reading;
	int more;

	*bytes = NULL;
	if (file_begin(&reading, path, max, owner, why) == -1)
		return -1;
	do
		more = file_continue(&reading, reading.length + 1, why);
	while (more == 1);
	*bytes = reading.bytes;
	*length = reading.length;
	return more;
}

int
file_open_program(const char *path, const char **why)
{
	/* Blocking: a lease (fcntl(2)) of somebody's is waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat st;
	int saved;

	*why = fd == -1 ? strerror(errno) :
			  check(fd, path, FILE_OF_ROOT_OR_US, &st);
	if (*why == NULL || fd == -1)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}
