/* The loop that drives the daemon's parts. */
#ifndef MASTER_LOOP_H
#define MASTER_LOOP_H

#include <stdint.h>

struct candidate;
struct server;

/* From here on signals wait for loop_run(); to be called before anybody can know
 * our pid. */
void loop_block_signals(void);

/*
 * Serves until told to stop.  candidate is the configuration to begin with: its
 * sockets are bound, privileges are dropped.  Ends the process when the first
 * generation cannot be had.  Returns when all clients have ended or been ended.
 */
void loop_run(struct server *server, struct candidate *candidate);

/* ------------- parts of a turn, which tests take without waiting for the time */

/* How long epoll_wait(2) may wait: milliseconds to the next deadline, rounded up
 * so as not to spin; 0 when one has passed, -1 when there is none. */
int loop_sleep(const struct server *server, int64_t now);

/* All that a turn does behind its events. */
void loop_work(struct server *server, int64_t now);

#endif
