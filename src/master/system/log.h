/* The daemon's log: syslog, the journal or standard error, never waiting for any. */
#ifndef MASTER_LOG_H
#define MASTER_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include <syslog.h>

#include "master/system/cause.h"
#include "master/system/log_record.h"

/* Priorities are those of syslog(3), LOG_ERR to LOG_DEBUG. */

enum log_target {
	LOG_TO_SYSLOG, /* the system's log socket, log_syslog.h */
	LOG_TO_STDERR, /* log_stderr.h */
	LOG_TO_JOURNAL, /* the journal's own socket, log_journal.h */
};

struct log_options {
	enum log_target target;
	bool json; /* log_json.h; else log_text.h */
	bool timestamps; /* on standard error, unless that is the journal */
	int facility; /* as LOG_DAEMON */
	int level; /* lines above it are left out */
};

/*
 * Chooses where lines go from now on, and how they look.  A log socket that is
 * not there is said where lines went until now, and tried again with later
 * lines, at most four times a second.
 */
void log_open(const struct log_options *options);

/* Leaves out lines above level from now on, until the next log_open(). */
void log_level_set(int level);

/* The level in force. */
int log_level(void);

/* Closes the log at the daemon's end; a later line connects again. */
void log_close(void);

/*
 * While the terminal is on, as it is at first, warnings and errors go to
 * standard error too.  It is switched off when the daemon serves.
 */
void log_terminal(bool on);

/*
 * Writes one line, a sentence.  Control bytes are escaped (shared/escape.h).  A line that
 * the log does not take at once is dropped and counted; how many is said in a
 * line of its own once the log takes lines again.  Keeps errno.
 */
void log_line(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Writes a record in the same way; log_event.h makes one. */
void log_record(const struct log_record *record);

struct report;

/* Writes all lines of the report, errors at LOG_ERR, warnings at LOG_WARNING. */
void log_report(const struct report *report);

/* With a priority: the operator has asked for this line, so that log.level does
 * not matter. */
#define LOG_ASKED 0x1000

/* True when a line of that priority would be written. */
bool log_wants(int priority);

/* Lines dropped since the start. */
uint64_t log_dropped(void);

/* So many had been dropped by the program before us, the same process. */
void log_dropped_before(uint64_t lines);

/*
 * During start-up only: writes the line at LOG_ERR and ends the process with
 * status.
 */
_Noreturn void fatal(enum exit_status status, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The same when the log has it already. */
_Noreturn void fatal_said(enum exit_status status);

/*
 * Sets a function that fatal() calls with the status before it exits, so that
 * it reaches the waiting process (daemonize.h).
 */
void log_on_fatal(void (*notify)(int status));

/* ------------------------------------------------ lines that would repeat */

/*
 * A limit for lines about a condition that may come and go often: the first
 * occurrence is logged; further ones within the interval are counted, and the
 * next line that is logged says how many.  Start with all zero.
 */
struct log_limit {
	int64_t next; /* clock_now() from which a line may be logged */
	uint64_t suppressed;
};

/*
 * True when a line may be logged now; *suppressed is then how many were not
 * since the last one.  interval is in microseconds.
 */
bool log_limit_pass(struct log_limit *limit, int64_t now, int64_t interval,
    uint64_t *suppressed);

#endif
