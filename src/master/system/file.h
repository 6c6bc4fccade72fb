/* Reading a file that an operator named, without trusting it. */
#ifndef MASTER_FILE_H
#define MASTER_FILE_H

#include <stddef.h>

/*
 * Reads the whole file at path into *bytes (malloc'ed, the caller frees, one
 * NUL behind the *length bytes).  It is opened without blocking and must be a
 * regular file, of at most max bytes, not writable by group or others; it is
 * read with the caller's effective rights.  Returns 0, or -1 with a static or
 * strerror() text in *why ("is not a regular file", ...) and errno, which is 0
 * when no call failed: the file itself will not do.
 */
int file_read(
    const char *path, size_t max, char **bytes, size_t *length,
    const char **why);

#endif
