/* The table of clients: each has a row, called slot, from accept to close. */
#ifndef MASTER_CLIENTS_CLIENTS_H
#define MASTER_CLIENTS_CLIENTS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/clients/admit.h"
#include "shared/addr.h"
#include "shared/plan.h"

#define CLIENT_NONE UINT32_MAX

/* In the order in which a client passes through them; clients_move(). */
enum client_phase {
	CLIENT_FREE,
	CLIENT_WAITING, /* accepted; no spawner has it yet, or its spawner died */
	CLIENT_HANDED, /* a spawner has it; not cloned, as far as we know */
	CLIENT_YOUNG, /* it has a child, asked after by wait4(pid) in turn */
	CLIENT_WATCHED, /* its child is old, and watched by pidfd */
	CLIENT_UNWATCHED, /* old too: there is no descriptor for that */
	CLIENT_CLOSING, /* its child has ended, and it has yet to take something;
			 * close.h */
	CLIENT_LINGERING, /* it has everything, and has yet to close */
	CLIENT_PHASES
};

/* Why we sent its child a signal. */
enum client_ending { ENDING_NOT, ENDING_DEADLINE, ENDING_SHUTDOWN };

/* What close.c knows of a client whose connection is being closed. */
struct closing {
	bool watched; /* its socket is in the epoll set */
	bool ended; /* it has sent its end of stream */
	uint64_t bytes; /* that it has sent meanwhile */
	uint64_t unsent; /* bytes it had yet to take, at the last look */
	int64_t until; /* clock_now(): so long for its end of stream */
	int64_t moved; /* clock_now() when it took something last */
	int64_t step; /* microseconds to the next look; 0: none was needed */
};

struct client {
	int fd; /* our copy, kept until it is closed */
	int pidfd; /* -1: none */
	pid_t pid; /* 0: no child yet, or no more */
	uint32_t group; /* that its child is in, groups.h */
	uint32_t row; /* of struct counters */
	uint8_t phase; /* enum client_phase; only clients_move() writes it */
	uint8_t ending; /* enum client_ending */
	uint8_t log; /* enum conf_log_clients */
	uint8_t state; /* enum state: its listener's, when it was accepted */
	int8_t weight; /* likewise, and until: struct listener_state */
	bool quiet; /* of log.quiet */
	bool asks; /* its child answers a request */
	bool holds; /* its child waits for its end of stream */
	uint8_t told; /* enum outcome of its child, once that has ended well */
	uint8_t proxied; /* enum client_proxied, proxy.h */
	uint8_t why; /* PROXIED_REFUSED: enum refusal */
	bool unnamed; /* PROXIED_KNOWN, but its header declares nobody: no
		       * limits, and no rules, are about it */
	int pair; /* PROXIED_AWAITED: our end of the pair with its child ... */
	int pair_child; /* ... and the child's, until it is cloned; -1: none */
	uint32_t header; /* bytes of its PROXY header */
	uint32_t session; /* of the running plan, until a spawner has it */
	uint32_t source; /* of struct admit; ADMIT_NO_SOURCE: not counted */
	uint64_t who; /* its source, admit_source() */
	/* From its session in the plan, when a spawner has it: */
	uint32_t greeting_length; /* bytes it should get */
	uint32_t send_ms, linger_ms, cpu_s;
	/* Of one that is being refused, else 0: */
	uint32_t limit; /* the one that was reached, admit.h */
	uint32_t retry_after; /* seconds, admit.h */
	bool own_text; /* it is told its rule's greeting, that of the session */
	uint64_t id;
	uint64_t generation; /* of the spawner that it was handed to last */
	uint64_t plan; /* of that, the serial of struct snapshot */
	int64_t accepted; /* clock_now() */
	int64_t expires; /* clock_now() when timeouts.session is over */
	int64_t until; /* of the state: seconds since 1970; 0: not known */
	int64_t deadline; /* clock_now() of the next step against it, in a phase
			   * that has one */
	struct addr peer;
	struct addr local; /* the address that it came to */
	struct addr proxy; /* that declared peer and local; AF_UNSPEC: none */
	uint32_t next, prev; /* of its list; next also of the free list */
	uint32_t heap; /* its place in the heap, in a phase with a deadline */
	int64_t cpu_us; /* of its child, when that has ended */
	struct closing closing;
};

/* A queue of slots in order of arrival. */
struct client_list {
	uint32_t head, tail;
	uint32_t count;
};

struct clients {
	struct client *slots; /* PLAN_CLIENT_SLOTS; untouched rows cost nothing */
	uint32_t free; /* the one freed last comes first */
	uint32_t used; /* slots from here on were never used */
	uint64_t last_id;
	struct client_list list[CLIENT_PHASES]; /* of the phases that have one */
	uint32_t *heap; /* those with a deadline, the nearest first */
	uint32_t n_heap;
	uint32_t *hints; /* CLIENT_HINTS slots, by pid */
};

/* Pids that differ by a multiple of this share a hint; the later one has it. */
#define CLIENT_HINTS 65536

/* Allocates the tables.  Returns 0, or -1 with errno. */
int clients_init(struct clients *clients);

/* Closes the clients that still wait, and frees the tables. */
void clients_free(struct clients *clients);

/* A new slot, in CLIENT_FREE until it is moved: a fresh id, no child.
 * CLIENT_NONE when all are used. */
uint32_t clients_add(struct clients *clients);

/* True when the client is a connection only, in CLIENT_CLOSING or
 * CLIENT_LINGERING: it holds no place of limits.max_clients. */
static inline bool
client_lingers(const struct client *client)
{
	return client->phase >= CLIENT_CLOSING;
}

/* Gives the slot back, whatever its phase. */
void clients_remove(struct clients *clients, uint32_t slot);

/*
 * The one place where a phase changes: takes the slot from where its phase has
 * it, and puts it at the end of the new phase's list and into the heap, as a
 * table in clients.c says.  client->deadline is set before, for a phase that has
 * one.  The same phase again: to the end of its list, or a new deadline.
 */
void clients_move(
    struct clients *clients, uint32_t slot, enum client_phase phase);

/* Notes that the slot's child is client->pid. */
void clients_hint(struct clients *clients, uint32_t slot);

/* Has any slot that child?  Looks at all of them. */
bool clients_have(const struct clients *clients, pid_t pid);

/* The slot whose child has that pid, as far as is known, or CLIENT_NONE. */
uint32_t clients_find(const struct clients *clients, pid_t pid);

/* The scheduled slot with the nearest deadline, or CLIENT_NONE. */
uint32_t clients_next_due(const struct clients *clients);

#endif
