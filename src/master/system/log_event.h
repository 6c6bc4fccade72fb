/* Log lines as data: a word that says what happened, then fields. */
#ifndef MASTER_SYSTEM_LOG_EVENT_H
#define MASTER_SYSTEM_LOG_EVENT_H

#include <stddef.h>

#include "master/system/log.h"
#include "master/system/log_record.h"

/*
 * Writes one line, as log_line() does, in the form that log.format says.  Word
 * and keys are those of a row in log_events.h.  Texts are borrowed for the call.
 * Keeps errno.
 */
#define log_event(priority, word, ...)                                        \
	log_event_write((priority), (word),                                   \
	    (const struct log_field[]) { __VA_ARGS__ },                       \
	    sizeof((const struct log_field[]) { __VA_ARGS__ }) /              \
		sizeof(struct log_field))

void log_event_write(int priority, const char *word,
    const struct log_field *fields, size_t n);

#endif
