/* New contents of a file that readers, and a crash, find old or new but whole.
 */
#ifndef SHARED_ATOMIC_WRITE_H
#define SHARED_ATOMIC_WRITE_H

#include <sys/types.h>

#include <stddef.h>

/* A file that the caller has just created, empty, in the directory of path. */
struct atomic_write {
	int fd;
	const char *name; /* that it has by now */
	const char *path; /* that it gets, in the place of another */
	mode_t mode;
};

/*
 * Writes bytes to it, fsync(2), rename(2), and closes fd.  Returns NULL; or the
 * name of the step that failed, with errno, and then it is removed and path is
 * what it was.  The directory is not synced: path may have the old content
 * after a crash of the system.
 */
const char *atomic_write(
    const struct atomic_write *file, const char *bytes, size_t length);

/* fsync(2), not ended by a signal. */
int atomic_sync(int fd);

#endif
