/* Assigning the sockets that were passed to the listeners. */
#ifndef MASTER_ADOPT_H
#define MASTER_ADOPT_H

#include <stdbool.h>

struct conf;
struct listeners;
struct report;

/*
 * Assigns the sockets of activation_list() that no entry of fresh has yet to
 * entries without a socket.  A socket with the name of a listener goes to that
 * listener: to the entry with its address or else, with a warning, to the first
 * one without a socket.  Any other socket goes to the entry with its address.
 * fresh has an entry for each address of conf, in that order.
 */
void adopt(struct listeners *fresh, const struct conf *conf, const char *path,
    struct report *report);

/* Reports an error for each socket that no entry of fresh has taken: its clients
 * would wait for ever.  Returns 0, or -1 when there is one. */
int adopt_report_rest(const struct listeners *fresh, const struct conf *conf,
    struct report *report);

#endif
