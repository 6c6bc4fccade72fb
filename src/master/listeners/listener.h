/* Listening sockets, as data. */
#ifndef MASTER_LISTENERS_LISTENER_H
#define MASTER_LISTENERS_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/addr.h"

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

#endif
