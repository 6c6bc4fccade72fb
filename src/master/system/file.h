/* Reading a file, or opening a program, that somebody else could have changed. */
#ifndef MASTER_FILE_H
#define MASTER_FILE_H

#include <stddef.h>

/* Whose a file must be.  Root is also whoever a user namespace does not map:
 * what is in a container's image belongs to its maker. */
enum file_owner {
	FILE_OF_ANYBODY,
	FILE_OF_ROOT_OR_US, /* us: the effective user */
};

/*
 * Reads the whole file at path into *bytes (malloc'ed, the caller frees, one
 * NUL behind the *length bytes).  It is opened without blocking, links are
 * followed, and it must be a regular file, of at most max bytes and of that
 * owner.  Neither it nor a directory that path leads to it by (that of the link
 * and that of the file; not those above) may be writable by group or others:
 * unless the directory is sticky and the file belongs to root, to us or to the
 * directory's owner, or the mount is read-only.  It is read with the caller's
 * effective rights.  Returns 0, or -1 with a static or strerror() text in *why,
 * which ends with what to do, and errno, which is 0 when no call failed: the
 * file itself will not do.
 */
int file_read(const char *path, size_t max, enum file_owner owner, char **bytes,
    size_t *length, const char **why);

/* The same in pieces: a file that is being read. */
struct file_reading {
	int fd; /* -1: it is closed */
	char *bytes; /* NULL: there are none */
	size_t length;
	size_t done; /* read so far */
};

#define FILE_READING_NONE ((struct file_reading) { .fd = -1 })

/* Returns 0, or -1 as file_read() does; then there is nothing to abandon. */
int file_begin(struct file_reading *reading, const char *path, size_t max,
    enum file_owner owner, const char **why);

/* Reads at most that many bytes.  Returns 1 when there are more; 0 when it is
 * done: bytes are the caller's then, and the file is closed; or -1 as above. */
int file_continue(
    struct file_reading *reading, size_t most, const char **why);

/* Closes and frees what there is of it. */
void file_abandon(struct file_reading *reading);

/*
 * Opens a program that will be executed: FILE_OF_ROOT_OR_US, and as above.
 * Returns the descriptor, O_CLOEXEC, or -1 with *why and errno as above.
 */
int file_open_program(const char *path, const char **why);

#endif
