/* What a run means: the line of the health file, and the exit status of -1. */
#ifndef FEED_VERDICT_H
#define FEED_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "feed/run.h"

#define VERDICT_REASON_MAX 100 /* bytes */
#define VERDICT_WORDS_MAX 500 /* bytes of the line that COMMAND has said */
#define VERDICT_MAX (VERDICT_WORDS_MAX + 2) /* newline and NUL */

/* Of timeout(1). */
#define VERDICT_STATUS_TIMED_OUT 124
/* Of env(1), nice(1), timeout(1) and the shell. */
#define VERDICT_STATUS_NOT_EXECUTED 126
#define VERDICT_STATUS_NOT_FOUND 127
#define VERDICT_STATUS_SIGNAL 128 /* and the signal's number */

/* Did the command end by itself, with exit status 0? */
bool verdict_is_good(const struct run_result *result);

/*
 * Writes the line of the health file, with its newline, and returns its length.
 * After a good run it is the first line of the output, if that has health words
 * (shared/health.h), cut at VERDICT_WORDS_MAX bytes; otherwise "up".  After
 * any other it is "down #REASON": how the run ended and, if it said anything,
 * the first line of that which is not blank, of its standard output if there is
 * one, made printable; REASON is cut at VERDICT_REASON_MAX bytes.
 */
size_t verdict_line(const struct run_result *result, char line[VERDICT_MAX]);

/* The exit status of a feed that runs the command once. */
int verdict_status(const struct run_result *result);

#endif
