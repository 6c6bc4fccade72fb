/* Binding one address. */
#ifndef MASTER_LISTENERS_BIND_H
#define MASTER_LISTENERS_BIND_H

#include <stdbool.h>

struct conf_address;
struct conf_listener;
struct listener;
struct report;

/* Finds the interface of "fe80::1%eth0", which must exist now.  Returns 0, or -1
 * with errno. */
int bind_scope(struct listener *listener, const struct conf_address *address);

/*
 * The listener has gone on with the socket of the running one, NULL: it has not.
 * One whose file was removed gives it up, to be bound again.  Returns 0, with a
 * warning when another program has replaced the file, or -1 with an error in
 * report when its mode, owner or group cannot be changed.  where is put before
 * messages.
 */
int bind_keep(struct listener *listener, const struct listener *running,
    const char *where, struct report *report);

/*
 * Opens and binds a socket for the listener, which has none yet, at its address;
 * running: not at the start, where there is patience with one that is in use.
 * Returns 0, also with a warning and no socket when the address is optional and
 * not there, or -1 with an error in report.  file names the configuration.
 */
int bind_address(struct listener *listener, const struct conf_address *address,
    const struct conf_listener *group, bool running, const char *file,
    struct report *report);

#endif
