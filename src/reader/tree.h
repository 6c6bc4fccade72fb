/* From the text of a configuration to entries, by way of libconfig.
 * For throw-away processes only: libconfig may exit, hang or crash. */
#ifndef READER_TREE_H
#define READER_TREE_H

#include <stddef.h>
#include <stdio.h>

/*
 * Reads length bytes of text, of which the last is a newline; a NUL follows
 * them.  Writes the entries of shared/entries.h to out: the findings, then the
 * settings if the text's structure lets them be read, then the end.  No file is
 * opened.  The text is changed.  Returns 0, or -1 when out had an error.
 */
int tree_send(char *text, size_t length, FILE *out);

/* Writes one entry. */
void tree_put(FILE *out, unsigned type, size_t line, const char *path,
    const char *text);

#endif
