/* The listening sockets: opened, kept or closed by difference. */
#ifndef MASTER_LISTENERS_H
#define MASTER_LISTENERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/addr.h"

struct conf;
struct report;

struct listener {
	int fd; /* -1: optional, and this machine has not the address */
	struct addr addr; /* as configured */
	struct addr bound; /* the same, but for a socket passed by name */
	bool v6only;
	bool listening; /* listen(2) was called */
	bool inherited; /* the running set has the same socket */
	bool muted; /* the loop does not poll it for now */
	bool readable; /* it has clients, in this turn of the loop */
	bool lost; /* epoll does not have it: watch.h */
	int error; /* why it could not be had back, as was said; 0: nothing was */
	int backlog;
	uint32_t group; /* index into conf->listener */
	const char *name; /* of that listener, in conf */
	uint32_t row; /* of struct counters, once it is in use */
};

struct listeners {
	struct listener *list;
	size_t n;
};

/*
 * Binds the addresses of conf, taking over (not duplicating) the sockets that
 * running has for the same address, and those that were passed to us
 * (adopt.h); running may be empty, and stays as it is.
 * CAP_NET_BIND_SERVICE is used when we have it.  An optional address that this
 * machine does not have gives a warning.  path names the configuration in
 * messages.  Returns 0, or -1 with errors in report; everything opened is then
 * closed again.
 */
int listeners_bind(struct listeners *fresh, const struct listeners *running,
    const struct conf *conf, const char *path, struct report *report);

/*
 * Will all sockets that were passed to us have a listener of conf?  Returns 0,
 * or -1 with an error in report for each that has none.
 */
int listeners_check_passed(
    const struct conf *conf, const char *path, struct report *report);

/*
 * Starts to listen where it has not begun, and sets backlogs.  Returns 0, or -1
 * with the error in report.
 */
int listeners_listen(struct listeners *listeners, struct report *report);

/* True when one of them has that socket; listeners may be NULL. */
bool listeners_have(const struct listeners *listeners, int fd);

/* Closes what keep does not have, unless it was passed to us, and frees the
 * list. */
void listeners_close(struct listeners *listeners, const struct listeners *keep);

/* How many sockets of a are not in b. */
size_t listeners_difference(
    const struct listeners *a, const struct listeners *b);

#endif
