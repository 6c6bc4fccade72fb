/* Listening sockets, as data. */
#ifndef MASTER_LISTENERS_LISTENER_H
#define MASTER_LISTENERS_LISTENER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/config/conf.h"
#include "master/listeners/socket_access.h"
#include "shared/addr.h"

struct listener {
	int fd; /* -1: optional, and this machine has not the address */
	struct addr addr; /* as configured */
	struct addr bound; /* the same, but for a socket passed by name */
	/* Of a UNIX socket: of its file, or "@name"; else "". */
	char path[CONF_SOCKET_MAX + 1]; /* as configured */
	char bound_path[CONF_SOCKET_MAX + 1]; /* as bound is to addr */
	uint64_t device, inode; /* of the file that we have made; 0: none */
	struct socket_access access; /* of that file */
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

/* Room for the texts of listener_text() and listener_wanted(). */
#define LISTENER_TEXT_MAX (CONF_SOCKET_MAX + 16)

/* Writes where it listens to text, as "ADDRESS:PORT" or "unix:PATH"; and where it
 * is configured to.  Returns text. */
const char *listener_text(const struct listener *listener, char *text);
const char *listener_wanted(const struct listener *listener, char *text);

/* The same without a port. */
const char *listener_address(const struct listener *listener, char *text);

/* True for a UNIX socket: its clients have no address. */
bool listener_is_unix(const struct listener *listener);

#endif
