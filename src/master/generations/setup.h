/* A setup: everything that one configuration needs.  The running one and a
 * candidate have the same type, so that a reload is one assignment. */
#ifndef MASTER_GENERATIONS_SETUP_H
#define MASTER_GENERATIONS_SETUP_H

#include "master/config/messages.h"
#include "master/generations/snapshot.h"
#include "master/listeners/listeners.h"

struct conf;
struct greeting;
struct report;

struct setup {
	struct conf *conf;
	struct snapshot snapshot; /* its plan, for the spawners */
	struct messages messages; /* what it tells refused clients */
	struct file_id *files; /* by listener, of the greeting_file that is in
				* force, as it was when it was last read */
	struct listeners listeners; /* its sockets; some may be shared */
};

#define SETUP_NONE ((struct setup) { .snapshot = SNAPSHOT_NONE })

/*
 * Makes what clients are told, of a setup that has its conf: plan and messages.
 * Arguments and result are those of setup_prepare().
 */
int setup_answers(struct setup *setup, const struct greeting *greetings,
    const char *path, struct report *report);

/*
 * Makes the rest of a setup from its conf and the greetings of that (which the
 * caller keeps): plan, messages, sockets.  Sockets that running has for the same
 * address are taken over, not duplicated; running may be SETUP_NONE, and stays
 * as it is.  path names the configuration in messages.  Returns 0, or -1 with
 * errors in report; setup_free() is to follow in either case.
 */
int setup_prepare(struct setup *setup, const struct setup *running,
    const struct greeting *greetings, const char *path,
    struct report *report);

/* Frees the setup and closes the sockets that keep does not have.  keep may be
 * NULL.  A setup that was in use is to be taken from the loop first, see
 * watch_remove(). */
void setup_free(struct setup *setup, const struct setup *keep);

#endif
