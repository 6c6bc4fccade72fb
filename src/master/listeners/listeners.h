/* The listening sockets: opened, kept or closed by difference. */
#ifndef MASTER_LISTENERS_H
#define MASTER_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/listeners/listener.h"

struct conf;
struct report;

/*
 * Binds the addresses of conf, taking over (not duplicating) the sockets that
 * running has for the same address, and those that were passed to us
 * (adopt.h), which all must have a listener; running may be empty, and stays as it is.
 * CAP_NET_BIND_SERVICE is used when we have it.  An optional address that this
 * machine does not have gives a warning.  path names the configuration in
 * messages.  Returns 0, or -1 with errors in report; everything opened is then
 * closed again.
 */
int listeners_bind(struct listeners *fresh, const struct listeners *running,
    const struct conf *conf, const char *path, struct report *report);

/*
 * Checks that each socket that was passed to us has a listener in conf.
 * Returns 0, or -1 with an error in report for each that has none.
 */
int listeners_check_passed(
    const struct conf *conf, const char *path, struct report *report);

/*
 * Checks what can be checked of UNIX sockets without binding them: owners and
 * groups, and that nothing else is in their places.  Returns 0, or -1 with errors
 * in report.
 */
int listeners_check_files(
    const struct conf *conf, const char *path, struct report *report);

/*
 * Starts to listen at the sockets that the running set does not have.  Returns
 * 0, or -1 with the error in report; sockets of the running set are as before.
 */
int listeners_listen(struct listeners *listeners, struct report *report);

/* Sets the backlogs of the others, and what has changed of their files, once nothing
 * can fail any more. */
void listeners_settle(const struct listeners *listeners);

/* True when one of them has that socket; listeners may be NULL. */
bool listeners_have(const struct listeners *listeners, int fd);

/* Closes what keep does not have, unless it was passed to us, and frees the
 * list. */
void listeners_close(struct listeners *listeners, const struct listeners *keep);

/* How many sockets of a are not in b. */
size_t listeners_difference(
    const struct listeners *a, const struct listeners *b);

#endif
