/* Starting a forkgreet-reader process. */
#ifndef MASTER_CONFIG_READER_H
#define MASTER_CONFIG_READER_H

#include <sys/types.h>

#include <stddef.h>

#define READER_NAME "forkgreet-reader"

/*
 * Runs the executable (executable_open()) with the descriptors of
 * shared/entries.h: a copy of length bytes of text, and a pipe, whose other end
 * goes to *pipe, to be closed (-1: there is none).  Returns its pid, or -1 with
 * errno and what failed in *what (static text).  A child that cannot exec says so
 * as the reader would.
 */
pid_t reader_start(int executable, const char *text, size_t length, int *pipe,
    const char **what);

#endif
