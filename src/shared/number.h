/* The one place where numbers in text are parsed. */
#ifndef SHARED_NUMBER_H
#define SHARED_NUMBER_H

#include <stdint.h>

/*
 * Parses the whole text as a decimal integer from min to max: digits with an
 * optional leading '-', no blanks, no '+', no leading zero except "0" itself.
 * Returns 0 and stores the number, or -1 with errno EINVAL (not a number) or
 * ERANGE (out of range); *number is then unchanged.
 */
int number_parse(const char *text, int64_t min, int64_t max, int64_t *number);

/*
 * Parses the whole text as seconds with at most three decimals ("30", "2.5")
 * and stores milliseconds.  min_ms and max_ms bound the result.  Return value
 * and errno are those of number_parse().
 */
int number_parse_seconds(
    const char *text, int64_t min_ms, int64_t max_ms, int64_t *ms);

#endif
