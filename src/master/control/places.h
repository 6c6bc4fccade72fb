/* The connections to the control socket: each has one of a few places. */
#ifndef MASTER_CONTROL_PLACES_H
#define MASTER_CONTROL_PLACES_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/control/client_rows.h"
#include "master/control/credentials.h"
#include "master/system/log.h"
#include "shared/control.h"

struct control_actions;
struct overview;

/* Connections at a time.  A further one takes the place of the one that has
 * been silent longest, or waits for a place. */
#define CONTROL_PEERS_MAX 24
/* So many of them may be members of control_group, and so many may wait for a
 * reload or an upgrade, so that the others' status is still answered. */
#define CONTROL_LOOKERS_MAX 8
#define CONTROL_WAITING_MAX 12
/* The time for a request to arrive, and for some of its answer to be taken; one
 * that takes a little now and then has CONTROL_ANSWER_SECONDS for all of it, and
 * one that takes nothing for CONTROL_STALL_MS may lose its place. */
#define CONTROL_SECONDS 5
#define CONTROL_ANSWER_SECONDS 30
#define CONTROL_STALL_MS 500
/* What is made for them in a turn of the loop ends with the answer, or the piece of
 * one, after which it is as long as this, bytes. */
#define CONTROL_TURN_BYTES 4096

enum control_state {
	CONTROL_FREE,
	CONTROL_BEGINNING, /* it has just been accepted */
	CONTROL_READING, /* its request */
	CONTROL_ASKED, /* its request is whole, its turn comes */
	CONTROL_WAITING, /* for a reload, or an upgrade */
	CONTROL_SENDING, /* the answer */
};

struct control_peer {
	enum control_state state;
	int fd;
	int64_t deadline; /* clock_now(); CLOCK_NEVER: it waits */
	struct ucred who;
	enum control_rights rights;
	bool for_upgrade; /* it waits for one; else for a reload */
	uint64_t ticket; /* the number of that which it waits for */
	bool json;
	size_t have; /* bytes of request */
	char request[CONTROL_REQUEST_MAX];
	size_t line; /* once it is whole: bytes before its newline */
	char *answer; /* malloc'ed */
	size_t length;
	size_t sent;
	int64_t moved; /* clock_now() when it came, or took something last */
	int64_t end; /* clock_now(): so long for all of the answer */
	bool listing; /* more pieces of the answer are to be made, of: */
	struct client_rows rows;
	bool writable; /* it can take more of them, its turn comes */
};

struct control {
	int epoll;
	int fd; /* listens; -1: there is no control socket */
	const struct control_group *group; /* who may look; not owned */
	const struct overview *overview; /* what it shows */
	const struct control_actions *actions; /* who does what it is told */
	bool is_open; /* the daemon serves: requests are accepted */
	bool reload_wanted; /* for the owner, who clears it */
	uint64_t reloads; /* begun since the start */
	bool upgrade_wanted;
	uint64_t upgrades;
	const char *closed_why; /* none of these is begun any more; NULL */
	bool watched; /* the loop polls it */
	bool knocked; /* a connection may wait to be accepted */
	uint32_t next; /* index of the peer whose turn is first */
	size_t made; /* bytes of answers, in this turn of the loop */
	int64_t accept_at; /* out of descriptors: not before; 0: now */
	struct log_limit denials;
	struct control_peer peers[CONTROL_PEERS_MAX];
};

#endif
