/* From the target on the command line to addresses for connect(2). */
#ifndef CLIENT_RESOLVE_H
#define CLIENT_RESOLVE_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/status.h"

/* Further addresses of a name are ignored: with this many, each gets only a
 * sixth of a second of the default time. */
#define PEERS_MAX 64

/* Where the greeting comes from, as given on the command line. */
struct target {
	const char *path; /* UNIX socket, or "@NAME", an abstract one; NULL: host
			   * and port count */
	const char *host; /* name or numeric address, without brackets */
	uint16_t port;
	int family; /* AF_INET, AF_INET6, or AF_UNSPEC: either */
	bool numeric; /* host is an address, never a name */
};

/* An address to connect to. */
struct peer {
	struct sockaddr_storage address;
	socklen_t length;
};

/* Addresses in the order in which to try them (RFC 6724). */
struct peers {
	size_t count;
	struct peer peer[PEERS_MAX];
};

/*
 * Finds the addresses of target.  Names are looked up with getaddrinfo(3),
 * which has no time limit, in a child process that is killed at the deadline.
 * Returns STATUS_OK with at least one address, or prints one line and returns
 * another status.
 */
enum status resolve_target(
    const struct target *target, int64_t deadline, struct peers *peers);

#endif
