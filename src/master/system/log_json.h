/* A log record as a JSON object. */
#ifndef MASTER_SYSTEM_LOG_JSON_H
#define MASTER_SYSTEM_LOG_JSON_H

#include "master/system/log_record.h"

#define LOG_JSON_MAX OUTPUT_BODY_MAX

/*
 * Writes the record to line as one object (RFC 8259): "time", unless time is
 * NULL, "level" (a word of log.level), "event" (the record's word), then the
 * fields by their keys, numbers as numbers.  Bytes that may not be shown
 * (shared/escape.h) are \xNN in the decoded value, as they are in the text form.
 * What does not fit is cut, a text after a whole character, other fields as a
 * whole, and the object then ends with "cut":true.
 */
void log_json(char line[LOG_JSON_MAX], const struct log_record *record,
    const char *time);

#endif
