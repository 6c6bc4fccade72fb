/* The words of a health file. */
#ifndef FEED_WORDS_H
#define FEED_WORDS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * True when the line (length bytes, without its newline) is what a health file
 * may say, as forkgreet.conf(5) has it and as an agent says it to HAProxy
 * ("agent-check" in HAProxy's configuration manual, section 5.2): one or more
 * of up, ready, down, fail, stopped, drain, maint and a weight from 0% to 100%,
 * in upper or lower case, between blanks, tabs and commas; then, if anything,
 * "#" and a reason to the end of the line.  Control bytes but tabs make it
 * false.
 */
bool words_are_health(const char *line, size_t length);

#endif
