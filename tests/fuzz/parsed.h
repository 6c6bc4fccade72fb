/* Configurations for fuzz targets: parsed in this process as the throw-away
 * child would, without its memory being lost. */
#ifndef FUZZ_PARSED_H
#define FUZZ_PARSED_H

#include <stddef.h>

#include "master/config/conf.h"
#include "master/system/report.h"

/* What parse_text() makes of length bytes of text, in memory of its size, to be
 * freed; NULL with errors in report (which is emptied first) when refused. */
struct conf *parsed(const char *text, size_t length, struct report *report);

/* The dump as a string, to be freed. */
char *parsed_dump(const struct conf *conf);

/* Asks all that one can ask of a configuration, and fails unless its dump is
 * accepted and dumped as the same text. */
void parsed_use(const struct conf *conf);

#endif
