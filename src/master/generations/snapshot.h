/* Making the plan that spawners of one configuration share. */
#ifndef MASTER_SNAPSHOT_H
#define MASTER_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/config/greetings.h"

struct conf;
struct greeting;
struct plan;

struct snapshot {
	int fd; /* sealed memfd, for the spawners; -1: none */
	const struct plan *plan; /* the same, mapped read-only */
	uint64_t serial; /* no other of this program has it; 0: none */
};

#define SNAPSHOT_NONE ((struct snapshot) { -1, NULL, 0 })

/*
 * Makes the plan of conf and its greetings, with a session for each of them.  The caller
 * frees it with snapshot_free().  Returns NULL, or what failed (static text)
 * with errno set; *snapshot is then SNAPSHOT_NONE.
 */
const char *snapshot_make(struct snapshot *snapshot, const struct conf *conf,
    const struct greeting *greetings);

/*
 * The same in steps: a plan that is being put together.  conf and greetings
 * must stay until it is done, the bytes of a greeting until next has passed it.
 */
struct snapshot_draft {
	int fd; /* memfd, not sealed yet; -1: none */
	struct plan *plan; /* all of it but the texts */
	const struct conf *conf;
	const struct greeting *greetings;
	size_t length; /* of plan, bytes; the texts come after it */
	uint32_t next; /* of the greetings, to be put */
	size_t done; /* of its bytes */
};

/* What a step puts at most, bytes: in some hundredths of a millisecond. */
#define SNAPSHOT_PIECE ((size_t)32 << 10)

#define SNAPSHOT_DRAFT_NONE ((struct snapshot_draft) { .fd = -1 })

/*
 * Each returns NULL, or what failed with errno; snapshot_draft_free() is to
 * follow in any case, also when all is done.  earlier is a plan of the same
 * configuration, whose filter is taken, or NULL.
 */
const char *snapshot_begin(struct snapshot_draft *draft,
    const struct conf *conf, const struct greeting *greetings,
    const struct plan *earlier);

/* Puts the next SNAPSHOT_PIECE of a text; *done: there was none. */
const char *snapshot_continue(struct snapshot_draft *draft, bool *done);

const char *snapshot_finish(
    struct snapshot_draft *draft, struct snapshot *snapshot);

void snapshot_draft_free(struct snapshot_draft *draft);

/* Puts a plan into a sealed memfd, which the caller closes.  Returns it, or -1
 * with errno. */
int snapshot_seal(const struct plan *plan);

void snapshot_free(struct snapshot *snapshot);

#endif
