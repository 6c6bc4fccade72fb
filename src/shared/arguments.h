/* The parts of a command line that the tools have in common. */
#ifndef SHARED_ARGUMENTS_H
#define SHARED_ARGUMENTS_H

#include <stdint.h>

#define ARGUMENTS_WAIT_MS 10000 /* -w when it is not given */

/*
 * Prints "WHAT VALUE: WHY (see PROGRAM --help)", one line on standard error;
 * value may be "".  Returns -1.
 */
int arguments_error(const char *what, const char *value, const char *why);

/* The same for what getopt_long() did not like: option is its result, ':' or
 * '?'.  Long options without a value have the numbers 'h', 'V', or one above
 * UCHAR_MAX. */
int arguments_option_error(char **argv, int option);

/* Stores the milliseconds of "OPTION SECONDS", 0.001 to 86400 with at most three
 * decimals.  Returns 0; or prints one line and returns -1. */
int arguments_seconds(const char *option, const char *text, int64_t *ms);

/* The same of "-w", and calls deadline_interrupt() for them. */
int arguments_wait(const char *text, int64_t *ms);

#endif
