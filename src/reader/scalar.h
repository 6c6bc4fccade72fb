/* Plain values: strings, numbers, booleans, and what is none. */
#ifndef READER_SCALAR_H
#define READER_SCALAR_H

#include <stdbool.h>

struct position;
struct token;

/* A string, even one without an end. */
bool scalar_is_text(const struct token *token);

/* When the current token is a string that does not end at its quote: says so,
 * is done, and returns true. */
bool scalar_is_runaway(struct position *position);

/* Each reads the current token, and goes on to the next. */
void scalar_read_string(struct position *position);
/* Neither string nor mark.  One that libconfig could not read is overwritten:
 * "0" and blanks. */
void scalar_read_word(struct position *position);

#endif
