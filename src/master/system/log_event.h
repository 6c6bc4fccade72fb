/* Log lines as data: a word that says what happened, then fields. */
#ifndef MASTER_SYSTEM_LOG_EVENT_H
#define MASTER_SYSTEM_LOG_EVENT_H

#include <stddef.h>
#include <stdint.h>

#include "master/system/log.h"

enum log_field_type {
	LOG_FIELD_UNSIGNED,
	LOG_FIELD_SIGNED,
	LOG_FIELD_WORD, /* text without spaces, as it is */
	LOG_FIELD_QUOTED, /* any text, within quotes */
};

struct log_field {
	const char *key; /* NULL: left out */
	enum log_field_type type;
	union {
		uint64_t number;
		int64_t signed_number;
		const char *text;
	};
};

#define LOG_NUMBER(key_, value)                                               \
	((struct log_field) { .key = (key_), .type = LOG_FIELD_UNSIGNED,      \
	    .number = (uint64_t)(value) })
#define LOG_SIGNED(key_, value)                                               \
	((struct log_field) { .key = (key_), .type = LOG_FIELD_SIGNED,        \
	    .signed_number = (value) })
#define LOG_WORD(key_, value)                                                 \
	((struct log_field) { .key = (key_), .type = LOG_FIELD_WORD,          \
	    .text = (value) })
#define LOG_QUOTED(key_, value)                                               \
	((struct log_field) { .key = (key_), .type = LOG_FIELD_QUOTED,        \
	    .text = (value) })
/* A field only when condition is true. */
#define LOG_IF(condition, field)                                              \
	((condition) ? (field) : (struct log_field) { .key = NULL })

/*
 * Writes one line, as log_line() does: the word, then each field as key=value.
 * Texts are borrowed for the call.  In a quoted text, '"' and '\' get a
 * backslash.  A line longer than LOG_LINE_MAX is cut.  Keeps errno.
 */
#define log_event(priority, word, ...)                                        \
	log_event_write((priority), (word),                                   \
	    (const struct log_field[]) { __VA_ARGS__ },                       \
	    sizeof((const struct log_field[]) { __VA_ARGS__ }) /              \
		sizeof(struct log_field))

void log_event_write(int priority, const char *word,
    const struct log_field *fields, size_t n);

#endif
