/* The loop that drives the daemon's parts. */
#ifndef MASTER_LOOP_H
#define MASTER_LOOP_H

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

#endif
