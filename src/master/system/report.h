/* Errors and warnings found in one piece of work, collected before they are
 * printed (-t, start) or logged (reload). */
#ifndef MASTER_REPORT_H
#define MASTER_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "master/system/cause.h"

#define REPORT_LINES_MAX 20 /* nobody reads more; the contract says 20 */
#define REPORT_LINE_MAX 512

struct report_line {
	bool warning;
	char text[REPORT_LINE_MAX]; /* "FILE:LINE: WHAT: why", no newline */
};

/* Start with all zero (= {0}).  Lines beyond REPORT_LINES_MAX are counted, not
 * kept; errors push out warnings. */
struct report {
	size_t errors;
	size_t warnings;
	size_t kept;
	enum exit_status cause; /* of the first error; 0: there is none */
	struct report_line lines[REPORT_LINES_MAX];
};

/* Adds an error of the configuration (EXIT_CONFIG), one of another cause, or a
 * warning; control bytes in it are escaped as \xNN.  What is too long loses the
 * middle of its longest word: a path, mostly. */
void report_error(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void report_failure(struct report *report, enum exit_status cause,
    const char *format, ...) __attribute__((format(printf, 3, 4)));
void report_warning(struct report *report, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* How many errors and warnings were not kept. */
size_t report_left_out(const struct report *report);

/* The text of the first error, which a report of something that failed has, or
 * "". */
const char *report_first_error(const struct report *report);

#endif
