/* Where strings in lists are: libconfig 1.5 looks at the token behind a string
 * (it may be another, to be joined) before it takes the line. */
#ifndef MASTER_LINES_H
#define MASTER_LINES_H

#include <libconfig.h>
#include <stddef.h>

/* Corrects the line of each string without a name in the tree, which was
 * parsed from length bytes of text without errors. */
void lines_correct(config_t *tree, const char *text, size_t length);

#endif
