/* The errors of libconfig's parser, said so that one can mend them. */
#ifndef MASTER_SYNTAX_H
#define MASTER_SYNTAX_H

#include <libconfig.h>
#include <stddef.h>

struct parse;

/* Reports why length bytes of text could not be parsed into tree; not when
 * precheck() has reported anything, which is then the cause. */
void syntax_report(
    struct parse *parse, const config_t *tree, const char *text, size_t length);

#endif
