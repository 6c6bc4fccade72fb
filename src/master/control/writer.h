/* Building texts in memory, for people or as JSON. */
#ifndef MASTER_CONTROL_WRITER_H
#define MASTER_CONTROL_WRITER_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct writer {
	FILE *file; /* what is written there becomes the text */
	char *text;
	size_t length;
};

/* Returns the file, or NULL when memory ran out; then there is nothing to
 * close. */
FILE *writer_open(struct writer *writer);

/* Returns the text, which the caller frees, or NULL when memory ran out. */
char *writer_close(struct writer *writer);

/* A JSON string with its quotes, RFC 8259, section 7; bytes that are not ASCII
 * are UTF-8 here. */
void writer_json(FILE *out, const char *text);

/* RFC 3339, in UTC, of a time(2); text has room for WRITER_TIME_MAX bytes.
 * Returns text. */
#define WRITER_TIME_MAX 32
const char *writer_time(int64_t seconds, char *text);

#endif
