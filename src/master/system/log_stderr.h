/* Standard error as what the log goes to. */
#ifndef MASTER_LOG_STDERR_H
#define MASTER_LOG_STDERR_H

#include <stdbool.h>

/*
 * Looks at what standard error is now, unless it is what it was at the last
 * call: while we may still open it anew (output.h), and whenever something else
 * was put in its place.  If it is the journal (its device and inode are those
 * in $JOURNAL_STREAM, systemd.exec(5)), lines begin with their priority as
 * "<N>" (sd-daemon(3)) instead of our name, which the journal knows.
 */
void log_stderr_open(void);

/* True when it is the journal, which has our name and the time by itself. */
bool log_stderr_is_journal(void);

/*
 * Writes a line, begin (our name; before it the time) and text, in the journal
 * its priority and text; false when it was not taken and is lost.  Until
 * log_stderr_serving() it waits for a full one for one second in all: nobody is
 * served yet, and a slow serial console shows all errors.  Then never.
 */
bool log_stderr_put(int priority, const char *begin, const char *text);

/* At the daemon's end; a later line opens it again. */
void log_stderr_close(void);

/* Clients are served from now on. */
void log_stderr_serving(void);

#endif
