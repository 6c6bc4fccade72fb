/* Which keys of a listener its addresses give a meaning to. */
#ifndef MASTER_CONFIG_SOCKETS_H
#define MASTER_CONFIG_SOCKETS_H

#include <stdbool.h>

struct conf;
struct conf_listener;
struct draft;
struct entry;

/* Reports each key of the listener, whose group that is, that has no address to
 * be for: a port without an IP address, a mode without a socket's file. */
void sockets_check(const struct draft *draft,
    const struct conf_listener *listener, const char *prefix,
    const struct entry *group);

/* False when the key means nothing to that listener. */
bool sockets_use(const struct conf *conf, const struct conf_listener *listener,
    const char *key);

#endif
