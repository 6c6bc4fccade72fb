/* A log line as data, which the renderers of the log make into bytes. */
#ifndef MASTER_SYSTEM_LOG_RECORD_H
#define MASTER_SYSTEM_LOG_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include <syslog.h>

#include "master/system/output.h"

#define LOG_LINE_MAX OUTPUT_TEXT_MAX /* longer lines are cut */

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
/* What a renderer writes: the priority (that of syslog(3)), the word of the event,
 * its fields. */
struct log_record {
	int priority;
	const char *word;
	const struct log_field *fields;
	size_t n;
};

/* A field only when condition is true. */
#define LOG_IF(condition, field)                                              \
	((condition) ? (field) : (struct log_field) { .key = NULL })

/* The word of a sentence, which log_line() writes, and its only key. */
#define LOG_MESSAGE "message"

#endif
