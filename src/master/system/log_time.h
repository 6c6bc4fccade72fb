/* The time of a log line. */
#ifndef MASTER_SYSTEM_LOG_TIME_H
#define MASTER_SYSTEM_LOG_TIME_H

#define LOG_TIME_MAX sizeof("2026-11-26T04:43:01.123Z")

/* Writes the present time as RFC 3339 has it, in UTC with milliseconds; returns
 * text. */
const char *log_time(char text[LOG_TIME_MAX]);

#endif
