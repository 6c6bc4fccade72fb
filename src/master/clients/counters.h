/* Counters by listener. */
#ifndef MASTER_CLIENTS_COUNTERS_H
#define MASTER_CLIENTS_COUNTERS_H

#include <stddef.h>
#include <stdint.h>

#include "master/clients/durations.h"
#include "shared/outcome.h"
#include "shared/refusal.h"

#define COUNTERS_ERRNO_MAX 134 /* EHWPOISON is the last that Linux has */
#define COUNTERS_NAME_MAX 64 /* bytes of a listener's name, and the schema's */

/* One listener's counters since the start, over all reloads:
 * accepted = sum of refused + sum of ended + live. */
struct counters_row {
	char name[COUNTERS_NAME_MAX + 1];
	int session; /* index in the running configuration, -1: not in it */
	uint32_t live; /* accepted, and neither refused nor ended yet */
	uint32_t lingering; /* of those: connections without a process */
	uint64_t quiet, quiet_greeted; /* since the last line, quiet.h */
	uint64_t accepted;
	uint64_t refused[REFUSAL_COUNT];
	uint64_t ended[OUTCOME_COUNT];
};

/* Its clients that have, or wait for, a process: each takes a place of
 * limits.max_clients. */
static inline uint32_t
counters_places(const struct counters_row *row)
{
	return row->live - row->lingering;
}

/* Start with all zero. */
struct counters {
	struct counters_row *rows;
	size_t n_rows;
	struct counters_row gone; /* sum of removed listeners */
	uint32_t live; /* of all listeners */
	uint32_t lingering;
	uint64_t sent_bytes;
	uint64_t cpu_us; /* of children that have ended */
	struct durations durations; /* from accept to close, of those ended */
	uint64_t accept_failures;
	uint64_t accept_errors[COUNTERS_ERRNO_MAX]; /* of those, by errno; 0: of
						     * none of these */
	uint64_t fork_failures;
	uint64_t reloads_ok;
	uint64_t reloads_failed;
};

/*
 * Makes rows for the names that have none yet; n more allocations at most.
 * Rows keep their index until counters_use().  Returns 0, or -1 when out of
 * memory; then nothing has changed for the rows in use.
 */
int counters_prepare(struct counters *counters, const char *const *names, size_t n);

/*
 * Makes names the running ones: row->session becomes the index in names.
 * counters_prepare() was called with them.
 */
void counters_use(struct counters *counters, const char *const *names, size_t n);

/* The row of that name; there must be one. */
size_t counters_find(const struct counters *counters, const char *name);

/* A row that is neither in use nor has clients is folded into counters->gone. */
void counters_tidy(struct counters *counters);

void counters_accept(struct counters *counters, size_t row);
void counters_refuse(struct counters *counters, size_t row, enum refusal why);
void counters_end(struct counters *counters, size_t row, enum outcome how);

/* accept(2) failed with that errno, and not for a connection's own reason. */
void counters_accept_failed(struct counters *counters, int error);

/* A live client of the row begins to linger, or does so no more. */
void counters_linger(struct counters *counters, size_t row);
void counters_unlinger(struct counters *counters, size_t row);

/* Logs a line for each listener. */
void counters_log(const struct counters *counters);

#endif
