/* What a configuration says that can never have an effect. */
#ifndef MASTER_DOUBT_H
#define MASTER_DOUBT_H

struct conf;
struct report;

/*
 * Adds a warning, with path and line, for each rule that can never match
 * because earlier ones of its listener have all of its addresses, and for
 * limits at the top level that another one makes meaningless.
 */
void doubt_find(
    const struct conf *conf, const char *path, struct report *report);

#endif
