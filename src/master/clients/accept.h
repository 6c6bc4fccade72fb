/* From accept(2) to the spawner: who is taken in, who waits, who is refused. */
#ifndef MASTER_INTAKE_H
#define MASTER_INTAKE_H

#include <stdint.h>

struct server;

/*
 * Accepts a bounded number of clients of each listener that has some, or stops
 * polling it for now.  Begins after the one that was served last, so that what
 * becomes free when the daemon is full goes to all in turn.
 */
void intake_accept(struct server *server, int64_t now);

/* Learns what became of clients that spawners have, hands over those that wait,
 * refuses those that have waited too long. */
void intake_step(struct server *server, int64_t now);

/* Polls listeners again when there is room: call it after everything else that
 * may make some, because nothing else wakes the loop for those who wait. */
void intake_resume(struct server *server, int64_t now);

/* clock_now() at which one of these has something to do, CLOCK_NEVER. */
int64_t intake_wakeup(const struct server *server, int64_t now);

#endif
