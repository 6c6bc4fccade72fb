/* The first generation: from the start to READY. */
#ifndef MASTER_FIRST_H
#define MASTER_FIRST_H

#include <stdint.h>

struct candidate;
struct server;

/* Puts the configuration to begin with on trial.  Ends the process when that
 * cannot be done. */
void first_begin(
    struct server *server, struct candidate *candidate, int64_t now);

/* It has passed: from now on clients are served. */
void first_passed(struct server *server, int64_t now);

/* It has failed: ends the process. */
_Noreturn void first_failed(struct server *server);

#endif
