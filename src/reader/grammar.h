/* Walks over configuration text as libconfig will, and finds what libconfig 1.5
 * gets silently wrong, or says badly. */
#ifndef READER_GRAMMAR_H
#define READER_GRAMMAR_H

#include <stdbool.h>
#include <stddef.h>

struct findings;

/*
 * Walks over length bytes of text and adds what is wrong with it to findings:
 * all values that cannot be used and all keys that are doubled, up to the first
 * error of the structure.  A doubled setting is overwritten with blanks, and a
 * value that libconfig could not read with "0" and blanks.  Returns true when
 * libconfig can go on with what is left.
 */
bool grammar_check(char *text, size_t length, struct findings *findings);

#endif
