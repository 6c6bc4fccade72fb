/* Processes that do not exist: kill(2), wait4(2) and their like reach these,
 * and no real one.  A signal to one that is not the master's child, to a group in
 * which it has none, or a wait for ever, is a finding. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <sys/types.h>

#include <stdbool.h>
#include <stdint.h>

#define WORLD_PROCESSES 64
#define WORLD_FIRST_PID 100
#define WORLD_OWN_GROUP 99 /* the master's */

enum process_state { PROCESS_RUNS, PROCESS_ENDED, PROCESS_REAPED };

struct process {
	enum process_state state;
	int status; /* as wait(2) has it */
	int socket; /* a spawner's end, -1: it is a client's child */
	pid_t group; /* its spawner's pid */
};

struct world {
	struct process list[WORLD_PROCESSES]; /* pid WORLD_FIRST_PID is 0 */
	unsigned n;
};

extern struct world world;

/* Begins a new one, without processes. */
void world_reset(void);

/* A new child of the master, in that group, 0: it leads one.  Its pid, or -1 with
 * EAGAIN. */
pid_t world_fork(int socket, pid_t group);

/* NULL when there never was one. */
struct process *world_find(pid_t pid);

/* It ends, if it runs, with the status of wait(2). */
void world_end(struct process *process, int status);

/* True for a child of ours that has not been reaped: its pid can be nobody
 * else's. */
bool world_is_child(pid_t pid);

#endif
