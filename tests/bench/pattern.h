/* Comparing a text with a pattern. */
#ifndef BENCH_PATTERN_H
#define BENCH_PATTERN_H

#include <stdbool.h>

/* True when the text, up to its end, is what the pattern says, in which '*'
 * stands for any bytes, also none. */
bool pattern_matches(const char *pattern, const char *text, const char *end);

#endif
