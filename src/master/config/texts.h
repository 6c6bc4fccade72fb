/* The texts of a greeting that is rendered for each client. */
#ifndef MASTER_CONFIG_TEXTS_H
#define MASTER_CONFIG_TEXTS_H

#include <stdbool.h>

struct greeting;

/*
 * Compiles the texts of the greeting, whose bytes are final: with pick each of
 * those that lie between lines of "%" (a file in the form of fortune(6); empty
 * ones are left out, and there must be one), else the whole if it has variables.
 * variables: a "%{" is one.  Returns 0, or -1 with *why, valid until the next
 * call, and errno: EINVAL, or ENOMEM.
 */
int texts_make(struct greeting *greeting, bool variables, bool pick,
    const char **why);

#endif
