/* Guessing what was meant by an unknown key. */
#ifndef MASTER_SUGGEST_H
#define MASTER_SUGGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/schema.h"

#define SUGGEST_TEXT_MAX 400

/*
 * Writes why the dotted name is refused in that scope, with the key that was
 * probably meant or the keys that are allowed in its group, to text, which has
 * room for SUGGEST_TEXT_MAX bytes.  Returns text.
 */
const char *suggest_key(const char *name, enum schema_scope scope, char *text);

/* The one of n words that was probably meant by that one, or NULL when none is
 * near. */
const char *suggest_word(
    const char *word, const char *const *words, size_t n);

#endif
