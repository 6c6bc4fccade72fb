/* Writing what a server sent to standard output. */
#ifndef CLIENT_SHOW_H
#define CLIENT_SHOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SHOW_HELD_MAX 3 /* bytes: a UTF-8 character less its last */

/* On a terminal, bytes wait until their character is complete. */
struct show {
	bool escaped; /* standard output is a terminal */
	size_t held; /* bytes of tail that are not written yet */
	char tail[SHOW_HELD_MAX];
};

/* Finds out whether standard output is a terminal. */
void show_begin(struct show *show);

/*
 * Writes length bytes to standard output: as they are, but on a terminal as
 * escape_text() shows them, with newline, tab, and CR before a newline kept as
 * they are.  Returns 0, or -1 with errno as output_write().
 */
int show_bytes(
    struct show *show, const char *bytes, size_t length, int64_t deadline);

/* Writes what was held back: no more comes.  Returns as show_bytes(). */
int show_end(struct show *show, int64_t deadline);

#endif
