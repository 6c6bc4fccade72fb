/* A configuration that would become the running one: prepared, tried,
 * committed.  Nothing in it is in use before it is committed. */
#ifndef MASTER_CANDIDATE_H
#define MASTER_CANDIDATE_H

#include <stddef.h>
#include <stdint.h>

#include "master/system/report.h"
#include "master/generations/setup.h"

struct greeting;
struct server;

struct candidate {
	struct setup setup;
	struct report report; /* what was found wrong with it */
};

/* An empty one, or NULL with errno. */
struct candidate *candidate_new(void);

/*
 * Makes the rest of a candidate from its conf and the greetings of that (which
 * the caller keeps).  Returns 0, or -1 with errors in candidate->report.
 */
int candidate_prepare(struct candidate *candidate,
    const struct greeting *greetings, const struct server *server);

/* Puts the candidate on trial; nothing else may be.  Returns 0, or -1 with the
 * error in candidate->report. */
int candidate_try(
    struct candidate *candidate, struct server *server, int64_t now);

/*
 * The candidate, whose generation has passed its trial, becomes the running
 * setup, and what it replaces is freed.  *added and *removed are how many
 * sockets that changes.  Returns 0, or -1 with the error in candidate->report:
 * then nothing has changed.
 */
int candidate_commit(struct candidate *candidate, struct server *server,
    size_t *added, size_t *removed, int64_t now);

/* Frees all that the running setup does not use. */
void candidate_free(struct candidate *candidate, struct server *server);

#endif
