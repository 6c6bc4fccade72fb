/* The daemon's end of the control socket: answers one request of forkgreetctl
 * for each connection.  The protocol is in shared/control.h. */
#ifndef MASTER_CONTROL_CONTROL_H
#define MASTER_CONTROL_CONTROL_H

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
struct report;

/* Connections at a time.  A further one takes the place of the one that has
 * been silent longest, or waits for a place. */
#define CONTROL_PEERS_MAX 24
/* So many of them may be members of control_group, and so many may wait for a
 * reload, so that the others' status is still answered. */
#define CONTROL_LOOKERS_MAX 8
#define CONTROL_WAITING_MAX 12
/* The time for a request to arrive, and for some of its answer to be taken; one
 * that takes a little now and then has CONTROL_ANSWER_SECONDS for all of it, and
 * one that takes nothing for CONTROL_STALL_MS may lose its place. */
#define CONTROL_SECONDS 5
#define CONTROL_ANSWER_SECONDS 30
#define CONTROL_STALL_MS 500

enum control_state {
	CONTROL_FREE,
	CONTROL_BEGINNING, /* it has just been accepted */
	CONTROL_READING, /* its request */
	CONTROL_WAITING, /* for a reload */
	CONTROL_SENDING, /* the answer */
};

struct control_peer {
	enum control_state state;
	int fd;
	int64_t
	    deadline; /* clock_now(); CLOCK_NEVER: it waits for a reload */
	struct ucred who;
	enum control_rights rights;
	uint64_t ticket; /* the number of the reload that it waits for */
	bool json;
	size_t have; /* bytes of request */
	char request[CONTROL_REQUEST_MAX];
	char *answer; /* malloc'ed */
	size_t length;
	size_t sent;
	int64_t moved; /* clock_now() when it came, or took something last */
	int64_t end; /* clock_now(): so long for all of the answer */
	bool listing; /* more pieces of the answer are to be made, of: */
	struct client_rows rows;
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
	const char *closed_why; /* no reload is begun any more; NULL */
	bool watched; /* the loop polls it */
	bool knocked; /* a connection may wait to be accepted */
	int64_t accept_at; /* out of descriptors: not before; 0: now */
	struct log_limit denials;
	struct control_peer peers[CONTROL_PEERS_MAX];
};

/* Makes the loop know the socket fd, -1: there is none.  group, overview and
 * actions stay the caller's.  Returns what epoll_ctl(2) returns. */
int control_init(struct control *control, int epoll, int fd,
    const struct control_group *group, const struct overview *overview,
    const struct control_actions *actions);

/* Listens at fd instead, a new socket in the place of one that is closed. */
void control_relisten(struct control *control, int fd);

/* The peer with that index is readable, writable, or gone. */
void control_peer_event(
    struct control *control, uint32_t index, uint32_t events, int64_t now);

/* For door.h: reads what there is of the peer's request, and carries it out when
 * it is whole; or tells the peer that it is not allowed, the verb (NULL:
 * anything). */
void control_peer_read(
    struct control *control, struct control_peer *peer, int64_t now);
void control_peer_deny(struct control *control, struct control_peer *peer,
    const char *verb, int64_t now);

/* Accepts new connections and ends those that take too long.  Afterwards a
 * reload may be wanted, so call it before looking at that. */
void control_step(struct control *control, int64_t now);

/* Polls for more when there is room; call it after everything else that may
 * make room. */
void control_resume(struct control *control, int64_t now);

/* clock_now() at which control_step() has something to do, or CLOCK_NEVER. */
int64_t control_wakeup(const struct control *control);

/* A reload begins: all peers that have asked until now wait for its end. */
void control_reload_begun(struct control *control);

/* The reload has ended with that status and report: answers the peers that wait
 * for it. */
void control_reloaded(struct control *control, enum control_status status,
    const struct report *report, int64_t now);

/* The reload that has begun or is wanted will not happen: answers all peers
 * that wait for one. */
void control_cancelled(struct control *control, const char *why, int64_t now);

/* From now on reloads are refused with the reason why (static text); peers that
 * wait for one are answered. */
void control_stop(struct control *control, const char *why, int64_t now);

/* Ends all connections. */
void control_close(struct control *control);

#endif
