/* The generations of spawners: started on trial, fed while current, retired,
 * reaped. */
#ifndef MASTER_SPAWNERS_H
#define MASTER_SPAWNERS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/system/cause.h"
#include "shared/plan.h"

struct snapshot;

#define SPAWNERS_MAX PLAN_CANARY_SLOTS
/* Clients that one spawner may have and not have cloned yet: a spawner that is
 * stuck (SIGSTOP) delays so many, and for so long, before it is replaced. */
#define SPAWNER_IN_FLIGHT_MAX 64
#define SPAWNER_STUCK_MS 1000
#define SPAWNER_TRIAL_MS 5000

enum spawner_state {
	SPAWNER_FREE,
	SPAWNER_TRIAL, /* started; its canary has not come through yet */
	SPAWNER_CURRENT, /* gets the clients */
	SPAWNER_RETIRED, /* clones what it still has, then ends */
};

struct spawner {
	enum spawner_state state;
	pid_t pid;
	int pidfd;
	int socket; /* -1: closed, it ends when it has read all */
	uint64_t generation;
	uint32_t in_flight[SPAWNER_IN_FLIGHT_MAX]; /* slots, a ring */
	uint32_t first, n; /* of the ring */
	int64_t progress; /* clock_now() of its last sign of life */
	int canary; /* our end of the trial client's connection, -1: closed */
	uint32_t canary_read; /* bytes of the greeting that were right */
	uint32_t attempts; /* of shared/attempt.h that have been started */
	int64_t deadline; /* of the trial */
	bool diagnosed; /* on trial once more, to learn why it failed */
};

struct spawners {
	int epoll;
	int executable;
	int page_fd;
	int32_t *page; /* see shared/plan.h */
	struct spawner list[SPAWNERS_MAX];
	int current, trial; /* indices, -1: none */
	uint64_t generation; /* of the last one started */
	const struct plan *plan; /* of the one on trial */
	char failure[160]; /* why the last trial failed (trial.h) */
	enum exit_status cause; /* of that */
};

/* What became of one client that was handed over. */
struct handed {
	uint32_t slot;
	pid_t pid; /* 0: it has no child */
	int error; /* then: errno of clone(2), or 0: its spawner died */
};

/* Makes the pid page; events go to epoll, executable is what launch_open() gave.
 * Returns NULL, or what failed (static text) with errno. */
const char *spawners_init(
    struct spawners *spawners, int epoll, int executable);

/* Makes the one on trial, which has passed, current; retires the current one. */
void spawners_promote(struct spawners *spawners, int64_t now);

/* The generation of the current one, which there must be. */
uint64_t spawners_generation(const struct spawners *spawners);

/* True when a client can be handed over now. */
bool spawners_can_take(const struct spawners *spawners);

/*
 * Hands a client over to the current spawner, which gets a copy of fd.  Returns
 * 0, or -1 with errno: the client is still the caller's.
 */
int spawners_hand_over(struct spawners *spawners, uint32_t slot, int fd,
    uint32_t session, int64_t now);

/* True while some client is on its way, so that the caller looks again soon. */
bool spawners_are_busy(const struct spawners *spawners);

/*
 * Stores one client whose hand-over has been decided, and returns true; false
 * when there is no more to say now.  Replaces a spawner that is stuck.
 */
bool spawners_next(
    struct spawners *spawners, int64_t now, struct handed *handed);

/* The caller was away until now: what a spawner has not done since is not its
 * fault. */
void spawners_excuse(struct spawners *spawners, int64_t now);

/* Is pid a spawner, or a child that one of them cloned? */
bool spawners_know(const struct spawners *spawners, pid_t pid);

/* Reaps spawners that have ended; a current one that did leaves none. */
void spawners_reap(struct spawners *spawners);

/* Closes the current one's socket: it clones what it has, then ends. */
void spawners_retire(struct spawners *spawners, int64_t now);

/* Kills and reaps all but the one on trial. */
void spawners_kill(struct spawners *spawners);

/* The end of what spawners_init() made, and of executable. */
void spawners_free(struct spawners *spawners);

/* ----------------------------------------------- for trial.c and spawners.c */

/* The slot's row of the pid page (see shared/plan.h); -EPROTO when what is there
 * can be neither an errno nor a client's child. */
int32_t spawners_page(const struct spawners *spawners, uint32_t slot);

/* The row of the page for the spawner's canary. */
uint32_t spawners_canary_slot(
    const struct spawners *spawners, const struct spawner *spawner);

/* Clears the slot's row and sends the order with a copy of fd (-1: without one).
 * Returns 0, or -1 with errno. */
int spawners_order(struct spawners *spawners, const struct spawner *spawner,
    uint32_t slot, uint32_t session, int fd);

/* Kills and reaps the process, if there still is one. */
void spawners_end(struct spawner *spawner);

/* Closes its descriptors and frees its entry. */
void spawners_forget(struct spawners *spawners, struct spawner *spawner);

#endif
