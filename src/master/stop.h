/* Stopping: first gracefully, then by force. */
#ifndef MASTER_STOP_H
#define MASTER_STOP_H

#include <stdbool.h>
#include <stdint.h>

struct server;

/* TERM, INT: begin the graceful stop, or hurry it.  QUIT: stop now. */
void stop_signal(struct server *server, int signal, int64_t now);

/* Begins the next stage when it is due. */
void stop_step(struct server *server, int64_t now);

/* True when the daemon has stopped serving, and the loop may end. */
bool stop_is_over(const struct server *server);

#endif
