/* Text from outside, made fit for a log or a terminal. */
#ifndef SHARED_ESCAPE_H
#define SHARED_ESCAPE_H

#include <stddef.h>

/* "\xNN": the most that one byte becomes. */
#define ESCAPE_BYTE_MAX 4

/*
 * Returns the length in bytes of the character at text, of which left bytes (at
 * least one) may be read, if it may be shown as it is: printable ASCII, or
 * UTF-8 as in RFC 3629, section 4, but no C1 control (U+0080 to U+009F), which
 * a terminal obeys also in this form, and no U+00A0, which looks like a space.
 * Returns 0 for any other byte, which is to be escaped by itself: a control
 * byte, or one of 0x80 to 0xff that is part of no whole UTF-8 character.
 */
size_t escape_shown(const char *text, size_t left);

/*
 * Copies length bytes of text to line (size bytes, at least one) and ends them
 * with NUL.  Bytes that may not be shown become \xNN, but for those in keep (a
 * string, "" for none, "\n\t" for text of several lines).  A backslash stays:
 * what has been escaped before is not changed by doing it again.  What does not
 * fit is cut off, after a whole character or \xNN.  Returns the number of bytes
 * in line.  With a size of ESCAPE_BYTE_MAX * length + 1 everything fits.
 */
size_t escape_text(char *line, size_t size, const char *text, size_t length,
    const char *keep);

#endif
