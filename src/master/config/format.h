/* What a listener sends, and what its format allows. */
#ifndef MASTER_FORMAT_H
#define MASTER_FORMAT_H

#include <stdbool.h>

struct conf_listener;
struct draft;
struct entry;

/*
 * Notes where the listener's texts stand in its group, and reports those that
 * exclude each other or that its format has no use for.  prefix is the
 * listener's, "listeners[0].".
 */
void format_check(const struct draft *draft, struct conf_listener *listener,
    const char *prefix, const struct entry *group);

/* False for a key, by its dotted name, that the listener has no use for: it is
 * not written in a dump. */
bool format_uses(const struct conf_listener *listener, const char *key);

#endif
