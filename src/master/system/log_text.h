/* A log record as a line of text. */
#ifndef MASTER_SYSTEM_LOG_TEXT_H
#define MASTER_SYSTEM_LOG_TEXT_H

#include "master/system/log_record.h"

/*
 * Writes the record to line: its word, then each field as key=value.  In a quoted
 * text, '"' and '\' get a backslash.  The event LOG_MESSAGE is its text alone.
 * Bytes that may not be shown are escaped (shared/escape.h), so that the line is
 * one line; what does not fit is cut.
 */
void log_text(char line[LOG_LINE_MAX], const struct log_record *record);

#endif
