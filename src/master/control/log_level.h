/* The log's level, as a word. */
#ifndef MASTER_CONTROL_LOG_LEVEL_H
#define MASTER_CONTROL_LOG_LEVEL_H

#include <stdbool.h>

/* Finds the word among those of the key log.level. */
bool log_level_parse(const char *word, int *level);

/* The word for a level of syslog(3); static text, "?" for one that has none. */
const char *log_level_name(int level);

#endif
