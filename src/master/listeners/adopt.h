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

/* Reports each socket that no entry of fresh has taken, as an error or a
 * warning. */
void adopt_report_rest(const struct listeners *fresh, const struct conf *conf,
    bool as_error, struct report *report);

#endif
