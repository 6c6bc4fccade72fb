/* Standard output and standard error of a tool, which nobody may be reading. */
#ifndef SHARED_OUTPUT_H
#define SHARED_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Makes descriptors 0 to 2 and the signals fit for a tool, before anything else
 * is opened.  Closed ones are taken: a connection could become "standard
 * output" and get our own output; reads and writes there fail.  A reader that
 * has gone is an error (EPIPE), no signal.  SIGTTOU is ignored: a process in
 * the background writes to a terminal with "stty tostop" instead of being
 * stopped past its deadline.  Returns 0, or -1 with errno of opening /dev/null.
 */
int output_prepare(void);

/*
 * Writes length bytes to fd, whether it blocks or not.  What can be written
 * without waiting is written even past the deadline: the last words of a tool
 * whose time is up.  Returns 0, or -1 with errno ETIMEDOUT or write(2)'s, and
 * then a part may have been written.  The caller has called
 * deadline_interrupt() with the same deadline, which ends a wait in write(2).
 */
int output_write(int fd, const char *bytes, size_t length, int64_t deadline);

/*
 * The same for text from outside, which escape_text() changes on its way;
 * keep is as there.
 */
int output_text(int fd, const char *text, size_t length, const char *keep,
    int64_t deadline);

/*
 * Writes one line to standard error: "PROGRAM: " and the text, escaped, and cut
 * off at OUTPUT_ERROR_MAX bytes.  If it cannot be written it is lost; the exit
 * status still says what happened.
 */
void output_error(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/*
 * From now on output_error() stores the text of its first call in line (size
 * bytes, which the caller keeps), not escaped and without "PROGRAM: ", and
 * writes nothing: for a tool whose standard output says what went wrong.  NULL
 * ends that.
 */
void output_keep_errors(char *line, size_t size);

/* The longest have a host name of NI_MAXHOST (1025) bytes and an address. */
#define OUTPUT_ERROR_MAX 2048

#endif
