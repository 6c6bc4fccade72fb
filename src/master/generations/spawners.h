/* The generations of spawners: started on trial, kept on standby, fed while
 * current, retired, reaped. */
#ifndef MASTER_SPAWNERS_H
#define MASTER_SPAWNERS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/generations/groups.h"
#include "master/system/cause.h"
#include "shared/plan.h"

struct snapshot;

#define SPAWNERS_MAX 8
/* The most clients that a spawner may have and not have cloned for yet: a stuck
 * spawner (SIGSTOP) delays at most this many, and for this long, until it is
 * replaced. */
#define SPAWNER_IN_FLIGHT_MAX 64
#define SPAWNER_STUCK_MS 1000 /* without any sign of life */
#define SPAWNER_LATE_MS 1500 /* for one client, whatever others get */
/* A client that it does not clone for, though asked again, costs it its place
 * after that time.  While nobody is cloned for at all it is not the spawners'
 * fault, perhaps: twice as long for each one that follows, up to the last. */
#define SPAWNER_FAILING_MS 1000
#define SPAWNER_FAILING_LAST_MS 64000
#define SPAWNER_TRIAL_MS 5000
/* At the end all that was killed has so long to be gone. */
#define SPAWNERS_END_MS 1000

/* What a spawner is to do, see struct plan_order. */
struct order {
	uint32_t slot;
	uint32_t session;
	int fd; /* the client's; -1: none */
	const char *bytes; /* what it is sent, as struct plan_order says */
	size_t length; /* at most PLAN_ORDER_BYTES_MAX */
	size_t head; /* of that: the end of an answer's head */
	bool proxied; /* its child is to find out who the client is ... */
	int pair; /* ... and has this to say so */
};

enum spawner_state {
	SPAWNER_FREE,
	SPAWNER_TRIAL, /* started; its canary has not been served yet */
	SPAWNER_STANDBY, /* its trial is passed; it has had no client yet */
	SPAWNER_CURRENT, /* gets the clients */
	SPAWNER_RETIRED, /* clones for what it still has, then ends */
};

/* Why one became current. */
enum spawner_reason {
	SPAWNER_START, /* the first */
	SPAWNER_RELOAD,
	SPAWNER_UPGRADE, /* the daemon is another program since */
	SPAWNER_REFRESH, /* the text of a file has changed */
	SPAWNER_CRASH, /* a child of the last one crashed */
	SPAWNER_DIED, /* the last one did */
	SPAWNER_REPLACED, /* the last one was stuck, failed its clients or lied */
	SPAWNER_REASONS
};

/* A client that a spawner has and that is not decided yet. */
struct in_flight {
	uint32_t slot;
	int64_t since; /* clock_now() */
};

struct spawner {
	enum spawner_state state;
	pid_t pid; /* -1: reaped */
	int pidfd;
	int socket; /* -1: closed, it ends when it has read all */
	uint32_t group; /* of struct groups; GROUP_NONE: none yet */
	int page_fd; /* until it is started, -1 */
	int32_t *page; /* its own, see shared/plan.h; NULL: none yet */
	uint64_t generation; /* once it is current; counts those that were */
	struct in_flight in_flight[SPAWNER_IN_FLIGHT_MAX]; /* a ring */
	uint32_t first, n; /* of the ring */
	int64_t progress; /* clock_now() of its last sign of life */
	struct in_flight unserved; /* the first that it failed; since 0: none */
	bool doomed; /* killed: no row of its page counts before it is dead */
	int canary; /* our end of the trial client's connection, -1: closed */
	int pair; /* with the canary's child, which reads a PROXY header; -1:
		   * none */
	uint32_t canary_read; /* bytes of the greeting that were right */
	uint32_t attempts; /* of shared/attempt.h that have been started */
	int64_t deadline; /* of the trial */
	bool diagnosed; /* on trial once more, to learn why it failed */
	int64_t cpu_us; /* that the trial's children have used */
};

/* A trial that runs, or how the last one ended (trial.h). */
struct trial {
	int index; /* of its spawner, -1: none runs */
	const struct plan *plan;
	int64_t cpu_us; /* that the last one which was passed took of a processor */
	char failure[160]; /* why the last one failed */
	enum exit_status cause; /* of that */
};

/* Looking for children that no client has, strays.h. */
struct strays {
	bool due; /* a child has ended since */
	int64_t next; /* clock_now() before which is not looked */
};

struct spawners {
	int epoll;
	int executable;
	struct groups groups;
	struct spawner list[SPAWNERS_MAX];
	int current, standby; /* indices, -1: none */
	struct trial candidate; /* of what would become the configuration */
	struct trial next; /* of the running configuration: the next standby */
	int64_t failing; /* microseconds that a failing one has now */
	uint64_t generation; /* of the last one that became current */
	uint64_t starts[SPAWNER_REASONS]; /* of generation */
	enum spawner_reason vacancy; /* why there is no current one */
	struct strays strays;
};

/* What became of one client that was handed over. */
struct handed {
	uint32_t slot;
	uint32_t group; /* that its child is in */
	pid_t pid; /* 0: it has no child */
	int error; /* then: errno of clone(2), or 0: its spawner died */
};

/* Events go to epoll, executable is what executable_open() gave.  Returns NULL,
 * or what failed (static text) with errno. */
const char *spawners_init(
    struct spawners *spawners, int epoll, int executable);

/* Makes the one of that trial, which has passed, the standby. */
void spawners_stand_by(struct spawners *spawners, struct trial *trial);

/* Makes the one of that trial, which has passed, current; retires the current
 * one.  The standby, or what would become it, ends: it is of an earlier
 * configuration.  The log has a line, at LOG_DEBUG for SPAWNER_REFRESH. */
void spawners_promote(struct spawners *spawners, struct trial *trial,
    enum spawner_reason reason, int64_t now);

/* Makes the standby current, when there is one but no current. */
void spawners_succeed(struct spawners *spawners, int64_t now);

/* The reason's name as it stands in metrics; static text. */
const char *spawners_reason_name(enum spawner_reason reason);

/* The generation that serves, or that served last; 0: none has. */
uint64_t spawners_serving(const struct spawners *spawners);

/*
 * A child of that generation crashed: its layout and its stack canary, which all
 * its children share, are used up.  Kills its spawner; the clients that it has
 * and has not cloned come back from spawners_next() once it is dead.  The
 * standby takes its place.  True when it had a spawner that was not doomed yet.
 */
bool spawners_use_up(
    struct spawners *spawners, uint64_t generation, int64_t now);

/* True when a client can be handed over now. */
bool spawners_can_take(const struct spawners *spawners);

/*
 * Hands a client over to the current spawner, which gets a copy of its descriptor.  Returns
 * 0, or -1 with errno: the client is still the caller's.
 */
int spawners_hand_over(
    struct spawners *spawners, const struct order *order, int64_t now);

/* True while some client is on its way, so that the caller looks again soon. */
bool spawners_are_busy(const struct spawners *spawners);

/*
 * Stores one client whose hand-over has been decided, and returns true; false
 * when there is no more to say now.  A spawner that is stuck, writes what cannot
 * be or fails its clients is killed or replaced by the standby.
 */
bool spawners_next(
    struct spawners *spawners, int64_t now, struct handed *handed);

/* A current one that fails a client loses its place, and the standby gets it if
 * there is one; see SPAWNER_FAILING_MS.  Returns whether one lost it. */
bool spawners_replace_failing(struct spawners *spawners, int64_t now);

/* The caller was away until now, so a spawner is not blamed for what it has not
 * done since. */
void spawners_excuse(struct spawners *spawners, int64_t now);

/* Is pid a spawner, or a child that one of them cloned? */
bool spawners_know(const struct spawners *spawners, pid_t pid);

/* Reaps spawners and groups that have ended; a current one leaves its place to
 * the standby. */
void spawners_reap(struct spawners *spawners, int64_t now);

/* Kills all that is in a group of ours, and reaps it, in SPAWNERS_END_MS at
 * most. */
void spawners_kill(struct spawners *spawners);

/* The end of what spawners_init() made, and of executable. */
void spawners_free(struct spawners *spawners);

/* ------------------------------------------ for the other files of this folder */

/* The slot's row of the spawner's page (see shared/plan.h); -EPROTO when it is
 * neither an errno nor a pid that groups_believe() lets pass. */
int32_t spawners_row(const struct spawners *spawners,
    const struct spawner *spawner, uint32_t slot);

/* Makes the spawner's page.  Returns 0, or -1 with errno; 0: ftruncate(2) had no
 * effect. */
int spawners_page_make(struct spawner *spawner);

/* Clears the slot's row and sends the order with a copy of its descriptor.
 * Returns 0, or -1 with errno. */
int spawners_order(const struct spawner *spawner, const struct order *order);

/* Ends its whole group, and frees its entry. */
void spawners_end(struct spawners *spawners, struct spawner *spawner);

/* One that is dead and has nothing undecided: frees its entry, leaves its group
 * to its clients. */
void spawners_dismiss(struct spawners *spawners, struct spawner *spawner);

/* It has done what no honest one does, or too late: kills it, and has it replaced
 * as one that is dead.  Not one on trial. */
void spawners_convict(struct spawners *spawners, struct spawner *spawner,
    const char *reason, int64_t now);

#endif
