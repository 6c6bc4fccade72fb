/* From the text of the configuration to struct conf, by way of libconfig.
 * For throw-away processes only: libconfig may exit, hang or crash. */
#ifndef MASTER_PARSE_H
#define MASTER_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/conf.h"

struct report;

/*
 * Parses length bytes of text (a NUL follows them); path is for messages
 * only, no file is opened.  as_root chooses the defaults.  conf is all zero,
 * with room for CONF_TEXT_MAX bytes behind it.  Returns 0 with the effective
 * configuration in conf, or -1 with errors in report.  Memory is not given
 * back.
 */
int parse_text(const char *text, size_t length, const char *path, bool as_root,
    struct conf *conf, struct report *report);

#endif
