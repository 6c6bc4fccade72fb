/* Which listener gets which of the sockets that were passed to us. */
#ifndef MASTER_ADOPT_H
#define MASTER_ADOPT_H

#include <stdbool.h>

struct conf;
struct listeners;
struct report;

/*
 * Gives the sockets of activation_list() that no entry of fresh has yet to
 * entries without one: a socket whose name is that of a listener to this
 * listener, to the address that it has or else to the first one without a
 * socket, with a warning; any other socket to the address that it has.  fresh
 * has an entry for each address of conf, in that order.
 */
void adopt(struct listeners *fresh, const struct conf *conf, const char *path,
    struct report *report);

/* Reports an error for each socket that no entry of fresh has: clients would
 * wait there for ever.  Returns 0, or -1 when there is one. */
int adopt_report_rest(const struct listeners *fresh, const struct conf *conf,
    struct report *report);

#endif
