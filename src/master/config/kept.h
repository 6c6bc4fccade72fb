/* What the files of the configuration held when an upgrade's trial read them:
 * that is what it has passed with, so the program that comes reads no others. */
#ifndef MASTER_KEPT_H
#define MASTER_KEPT_H

#include <stdbool.h>
#include <stddef.h>

enum kept_kind {
	KEPT_TEXT, /* of a configuration file */
	KEPT_NAMES, /* that an include's pattern matched, each with its NUL */
	KEPT_GREETING, /* bytes of a greeting_file */
	KEPT_GREETING_ID, /* its struct file_id then */
};

/* From now on kept_add() writes to fd, a new memfd, which stays the caller's. */
void kept_write(int fd);

/* Remembers these bytes; the last ones of a kind and name count.  Without kept_write() it
 * does nothing. */
void kept_add(enum kept_kind kind, const char *name, const void *bytes,
    size_t length);

/* Seals what has been written.  Returns 0, or -1 with errno, also when a
 * kept_add() has failed. */
int kept_seal(void);

/* From now on kept_find() finds what fd has, which stays the caller's: until
 * kept_end().
 * Returns 0, or -1 with errno. */
int kept_read(int fd);

/* Stores a copy of what there is of that kind and name, which the caller frees,
 * with a NUL behind it.  False when there is nothing. */
bool kept_find(enum kept_kind kind, const char *name, char **bytes,
    size_t *length);

void kept_end(void);

#endif
