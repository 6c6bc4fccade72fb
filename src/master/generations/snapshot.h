/* Making the plan that spawners of one configuration share. */
#ifndef MASTER_SNAPSHOT_H
#define MASTER_SNAPSHOT_H

#include "master/config/greetings.h"

struct conf;
struct greeting;
struct plan;

struct snapshot {
	int fd; /* sealed memfd, for the spawners; -1: none */
	const struct plan *plan; /* the same, mapped read-only */
};

#define SNAPSHOT_NONE ((struct snapshot) { -1, NULL })

/*
 * Makes the plan of conf and its greetings, with a session for each of them.  The caller
 * frees it with snapshot_free().  Returns NULL, or what failed (static text)
 * with errno set; *snapshot is then SNAPSHOT_NONE.
 */
const char *snapshot_make(struct snapshot *snapshot, const struct conf *conf,
    const struct greeting *greetings);

/* Puts a plan into a sealed memfd, which the caller closes.  Returns it, or -1
 * with errno. */
int snapshot_seal(const struct plan *plan);

void snapshot_free(struct snapshot *snapshot);

#endif
