/* Where the log goes, as a configuration says. */
#ifndef MASTER_LOG_TARGET_H
#define MASTER_LOG_TARGET_H

#include <stdbool.h>

struct conf;

/* Sends the log there; in the foreground standard error is the default. */
void log_target_set(const struct conf *conf, bool foreground);

#endif
