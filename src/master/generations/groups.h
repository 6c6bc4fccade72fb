/* The process groups of generations: each spawner leads one, all that it clones
 * is in it, and nothing in it outlives the generation's clients. */
#ifndef MASTER_GROUPS_H
#define MASTER_GROUPS_H

#include <sys/resource.h>
#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#include "shared/plan.h"

#define GROUP_NONE UINT32_MAX

/* A generation that has ended lives on as a group while it has clients, so
 * there can be as many as clients; the others are about to end. */
#define GROUPS_MAX (PLAN_CLIENT_SLOTS + 64)

/* Above every pid that Linux gives (PID_MAX_LIMIT, include/linux/threads.h). */
#define GROUPS_PID_LIMIT (1 << 22)

struct group {
	pid_t id; /* its spawner's pid; 0: a free row */
	uint32_t known; /* children of clients in it that are not reaped yet */
	bool closed; /* no more will become known */
	bool ending; /* killed; in the list of those */
	uint32_t next; /* of the free rows, or of those that are ending */
};

struct groups {
	struct group *list; /* GROUPS_MAX; untouched rows cost nothing */
	uint64_t *known; /* a bit for each pid that some client has */
	uint32_t used; /* rows from here on were never used */
	uint32_t free, ending; /* lists */
	int64_t look_at; /* clock_now() of the next look at the ending ones */
};

/* Returns 0, or -1 with errno. */
int groups_init(struct groups *groups);

/* Forgets all without ending them: see groups_end_all(). */
void groups_free(struct groups *groups);

/*
 * The spawner of that pid leads a group.  Returns its index, or GROUP_NONE with
 * errno: 0 when the process leads none (setpgid(2) had no effect), EAGAIN when
 * no row is free.
 */
uint32_t groups_add(struct groups *groups, pid_t id);

/* One that we had before an exec; its spawner may have ended since, and its
 * number is its own as long as a child of ours is in it.  Returns its index, or
 * GROUP_NONE with EAGAIN. */
uint32_t groups_restore(struct groups *groups, pid_t id);

/*
 * Can pid be a new client's child, as the spawner of that group says?  True when
 * it is a child of ours, in the group but not its leader, and no client has it.
 * Nothing else that a spawner may write is acted on.
 */
bool groups_believe(const struct groups *groups, uint32_t index, pid_t pid);

/* A client has this child, which groups_believe() has just let pass. */
void groups_know(struct groups *groups, uint32_t index, pid_t pid);

/* True when some client has the child. */
bool groups_is_known(const struct groups *groups, pid_t pid);

/*
 * wait4(pid, status, WNOHANG, usage) for a known child.  The last one of a
 * closed group takes the rest of the group with it.
 */
pid_t groups_reap(struct groups *groups, uint32_t index, pid_t pid,
    int *status, struct rusage *usage);

/* No more children of the group will become known: it ends with the last that
 * is. */
void groups_close(struct groups *groups, uint32_t index);

/*
 * Ends all that is in the group, its spawner too if that has not been reaped,
 * and reaps it; what takes time is left to groups_step().  A signal is sent only
 * while an unreaped child of ours is in the group: until then its number can
 * be nobody else's.
 */
void groups_end(struct groups *groups, uint32_t index);

/* The same for all groups there are. */
void groups_end_all(struct groups *groups);

/* Reaps what groups_end() has killed. */
void groups_step(struct groups *groups, int64_t now);

/* The group of that number, GROUP_NONE when it is none of ours. */
uint32_t groups_find(const struct groups *groups, pid_t id);

/*
 * Ends closed groups in which a process lives that no client has; their clients
 * end with them.  For one who needs processes and can have none: a fork bomb
 * holds them.  Returns how many groups that were.
 */
uint32_t groups_purge(struct groups *groups);

/* clock_now() at which groups_step() has something to do, CLOCK_NEVER. */
int64_t groups_wakeup(const struct groups *groups);

#endif
