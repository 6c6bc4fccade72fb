/* Printing JSON that somebody else made, or made from their text. */
#ifndef CTL_SHOW_H
#define CTL_SHOW_H

#include <stddef.h>
#include <stdint.h>

/*
 * Writes one JSON text from outside to standard output.  What escape_text()
 * does not show becomes \u00NN, but newlines: inside a string, the only place
 * where JSON may have it, that is the same character (RFC 8259, section 7), and
 * for a byte that is not UTF-8 what Latin-1 makes of it.  Returns 0, or -1 with
 * errno as output_write().
 */
int show_json(const char *text, size_t length, int64_t deadline);

/*
 * Writes to standard output the object that a failed reload has, without its
 * numbers: "result" is "failed", "errors" has the lines of text, each without
 * the daemon's name, and "warnings" is empty.  Returns as show_json().
 */
int show_json_failed(const char *text, size_t length, int64_t deadline);

#endif
