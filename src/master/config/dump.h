/* The effective configuration, in configuration syntax. */
#ifndef MASTER_DUMP_H
#define MASTER_DUMP_H

#include <stdio.h>

struct conf;

/*
 * Writes the effective configuration in configuration syntax.  Loading that
 * text and dumping it again gives the same text.  Returns 0, or -1 when out
 * had an error.
 */
int dump_write(const struct conf *conf, FILE *out);

#endif
