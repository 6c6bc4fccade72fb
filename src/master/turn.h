/* A turn of the loop: what is done in it, in which order, and when the next one
 * is due. */
#ifndef MASTER_TURN_H
#define MASTER_TURN_H

#include <stdint.h>

struct server;

/* How long epoll_wait(2) may wait: milliseconds to the next deadline, rounded up
 * so as not to spin; 0 when one has passed, -1 when there is none. */
int turn_sleep(const struct server *server, int64_t now);

/* All that a turn does behind its events. */
void turn_work(struct server *server, int64_t now);

#endif
