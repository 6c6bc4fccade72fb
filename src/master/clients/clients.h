/* The table of clients: a row, called slot, for each from accept to close. */
#ifndef MASTER_CLIENTS_H
#define MASTER_CLIENTS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/clients/admit.h"
#include "shared/addr.h"
#include "shared/plan.h"

#define CLIENT_NONE UINT32_MAX

/* In the order in which a client passes through them. */
enum client_state {
	CLIENT_FREE,
	CLIENT_WAITING, /* accepted; no spawner has it yet, or its spawner died */
	CLIENT_HANDED, /* a spawner has it; not cloned, as far as we know */
	CLIENT_YOUNG, /* it has a child, asked after by wait4(pid) in turn */
	CLIENT_OLD, /* its child is watched by pidfd if there is a descriptor to
		     * spare, its deadline by the heap */
	CLIENT_CLOSING, /* its child has ended; closing.h; in the heap too */
};

/* Why we sent its child a signal. */
enum client_ending { ENDING_NOT, ENDING_DEADLINE, ENDING_SHUTDOWN };

/* What closing.c knows of a client that is being seen off. */
struct closing {
	bool watched; /* its socket is in the epoll set */
	bool ended; /* it has sent its end of stream */
	uint64_t bytes; /* that it has said meanwhile */
	uint64_t unsent; /* bytes it had yet to take, at the last look */
	int64_t until; /* clock_now(): so long for its end of stream */
	int64_t moved; /* clock_now() when it took something last */
	int64_t step; /* microseconds to the next look; 0: none was needed */
};

struct client {
	int fd; /* our copy, kept until it is closed */
	int pidfd; /* -1: none */
	pid_t pid; /* 0: no child yet, or no more */
	uint32_t row; /* of struct stats */
	uint8_t state; /* enum client_state */
	uint8_t ending; /* enum client_ending */
	uint8_t log; /* enum conf_log_clients */
	uint32_t session; /* of the running plan, until a spawner has it */
	uint32_t source; /* of struct admit; ADMIT_NO_SOURCE: not counted */
	/* From its session in the plan, when a spawner has it: */
	uint32_t greeting_length; /* bytes it should get */
	uint32_t send_ms, linger_ms;
	/* Of one that is being refused, else 0: */
	uint32_t limit; /* the one that was reached, admit.h */
	uint32_t retry_after; /* seconds, admit.h */
	uint32_t refusal_length;
	const char *refusal; /* its rule's text, in the running plan; or NULL */
	uint64_t id;
	uint64_t generation; /* of the spawner that it was handed to last */
	int64_t accepted; /* clock_now() */
	int64_t expires; /* clock_now() when timeouts.session is over */
	int64_t deadline; /* clock_now() of the next step against it */
	struct addr peer;
	struct addr local; /* the address that it came to */
	uint32_t next, prev; /* of its list; next also of the free list */
	uint32_t heap; /* its place in the heap, when old or closing */
	int64_t cpu_us; /* of its child, when that has ended */
	struct closing closing;
};

/* A queue of slots in the order of their coming. */
struct client_list {
	uint32_t head, tail;
	uint32_t count;
};

struct clients {
	struct client *slots; /* PLAN_CLIENT_SLOTS; untouched rows cost nothing */
	uint32_t free; /* the one freed last comes first */
	uint32_t used; /* slots from here on were never used */
	uint64_t last_id;
	struct client_list waiting;
	struct client_list young;
	struct client_list unwatched; /* the old without a pidfd */
	uint32_t *heap; /* the old and the closing, the nearest deadline first */
	uint32_t n_heap;
	uint32_t *hints; /* CLIENT_HINTS slots, by pid */
};

/* Pids that differ by a multiple of this share a hint; the later one has it. */
#define CLIENT_HINTS 65536

/* Allocates the tables.  Returns 0, or -1 with errno. */
int clients_init(struct clients *clients);

/* Closes the clients that still wait, and frees the tables. */
void clients_free(struct clients *clients);

/* A new slot: a fresh id, no child, no list.  CLIENT_NONE when all are used. */
uint32_t clients_add(struct clients *clients);

/* Gives the slot back.  It must be in no list and not in the heap. */
void clients_remove(struct clients *clients, uint32_t slot);

void clients_push(
    struct clients *clients, struct client_list *list, uint32_t slot);
void clients_unlink(
    struct clients *clients, struct client_list *list, uint32_t slot);

/* Notes that the slot's child is client->pid. */
void clients_hint(struct clients *clients, uint32_t slot);

/* The slot whose child has that pid, as far as is known; else CLIENT_NONE. */
uint32_t clients_find(const struct clients *clients, pid_t pid);

/* Puts the slot into the heap by its deadline, or takes it out. */
void clients_schedule(struct clients *clients, uint32_t slot);
void clients_unschedule(struct clients *clients, uint32_t slot);

/* The scheduled slot whose deadline is nearest, CLIENT_NONE when none is. */
uint32_t clients_next_due(const struct clients *clients);

#endif
