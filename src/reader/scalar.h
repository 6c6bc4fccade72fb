/* Plain values in a scan: strings, numbers, booleans, and what is none. */
#ifndef MASTER_SCALAR_H
#define MASTER_SCALAR_H

#include <stdbool.h>

struct scan;
struct token;

/* A string, even one without an end. */
bool scalar_is_text(const struct token *token);

/* When the current token is a string that does not end at its quote: says so,
 * goes on at the end of the line where it starts, and returns true. */
bool scalar_stop_runaway(struct scan *scan);

/* Each reads the current token, and moves on to the next. */
void scalar_read_string(struct scan *scan);
void scalar_read_word(struct scan *scan); /* neither string nor mark */

#endif
