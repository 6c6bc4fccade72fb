/* Configurations for fuzz targets: read in this process as forkgreet-reader
 * would, without its memory being lost. */
#ifndef FUZZ_PARSED_H
#define FUZZ_PARSED_H

#include <stddef.h>

#include "master/config/conf.h"
#include "master/system/report.h"

/* What the reader says of length bytes of text: *size bytes, to be freed. */
char *parsed_entries(const char *text, size_t length, size_t *size);

/* What the master makes of that, to be freed; NULL with errors in report (which
 * is emptied first) when refused. */
struct conf *parsed(const char *text, size_t length, struct report *report);

/* The same of what a reader, an enemy's too, has said in length bytes. */
struct conf *parsed_frame(
    const char *bytes, size_t length, struct report *report);

/* The dump as a string, to be freed. */
char *parsed_dump(const struct conf *conf);

/* Asks all that one can ask of a configuration, and fails unless its dump is
 * accepted and dumped as the same text. */
void parsed_use(const struct conf *conf);

#endif
