/* The words of a control request (shared/control.h). */
#ifndef SHARED_CONTROL_WORDS_H
#define SHARED_CONTROL_WORDS_H

#include <stddef.h>

/*
 * Splits the length bytes of line, which a NUL follows in place of the newline,
 * into words: writes a NUL over each blank, and stores where the words begin,
 * at most max, in words.  They point into line.  Exactly one blank stands
 * between two words, none before the first or after the last, and a word has no
 * control bytes, NUL included.  Returns the number of words, at least 1, or -1
 * when line is anything else or has more words; line and words are then
 * unspecified.
 */
int control_words_split(char *line, size_t length, char **words, size_t max);

/*
 * Writes text to out (size bytes) as a part of a word: blanks, '%' and control
 * bytes as %XX; and back.  Returns 0, or -1 when it does not fit or, back, a '%'
 * is not followed by two digits of 16.
 */
int control_words_encode(const char *text, char *out, size_t size);
int control_words_decode(const char *word, char *out, size_t size);

#endif
