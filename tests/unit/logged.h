/* The log lines of a test, kept instead of written: link with
 * -Wl,--wrap=log_event_write. */
#ifndef TEST_LOGGED_H
#define TEST_LOGGED_H

#include <stddef.h>
#include <stdint.h>

/* Forgets all. */
void logged_clear(void);

/* How many lines began with that word. */
size_t logged_count(const char *word);

/* The last line of that word: WORD KEY=VALUE ...; "" when there was none. */
const char *logged_last(const char *word);

#endif
