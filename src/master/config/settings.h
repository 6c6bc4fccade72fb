/* From what the reader says to struct conf. */
#ifndef MASTER_SETTINGS_H
#define MASTER_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/conf.h"

struct report;

/*
 * Makes the effective configuration of length bytes of a reader's entries, of
 * which it believes nothing: at worst they are another valid configuration.
 * path is for messages; as_root chooses the defaults.  Returns the
 * configuration, which the caller frees with free(), or NULL with errors in
 * report, which has none before.
 */
struct conf *settings_make(const char *bytes, size_t length, const char *path,
    bool as_root, struct report *report);

#endif
