/* Directories that are made for the daemon, or by it. */
#ifndef MASTER_DIRECTORY_H
#define MASTER_DIRECTORY_H

#include <sys/stat.h>

#include <stdbool.h>

struct identity;

/* True when others than the owner could replace what is in it. */
bool directory_is_open(const struct stat *st);

/*
 * Makes the directory path, mode 0755, in one of root's that nobody else can
 * change, and gives it to the user that we become.  Returns a descriptor of it,
 * or -1 with the reason in *why or, when that stays as it was, in errno.
 */
int directory_make(
    const char *path, const struct identity *identity, const char **why);

/*
 * The same for a daemon that an ordinary user starts, wherever that user can make
 * one: what else is there is the user's own choice, as a pod's empty volume is, in
 * which anybody can write.  Returns a descriptor of it, which may be another one's
 * that was put in its place: see whose it is; or -1 with errno.
 */
int directory_make_own(const char *path);

#endif
