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

/* Reports each socket that no entry of fresh has, as an error or a warning. */
void adopt_report_rest(const struct listeners *fresh, const struct conf *conf,
    bool as_error, struct report *report);

#endif
