/* Stopping: gracefully, then not. */
#ifndef MASTER_STOP_H
#define MASTER_STOP_H

#include <stdbool.h>
#include <stdint.h>

struct server;

/* Stages; each begins where the one before ended. */
enum stop_stage {
	STOP_NOT,
	STOP_DRAIN, /* no new clients; the others may finish */
	STOP_TERM, /* children got SIGTERM */
	STOP_KILL, /* children got SIGKILL */
};

/* Start with STOP_NONE. */
struct stop {
	enum stop_stage stage;
	int64_t at; /* clock_now() of the next stage, CLOCK_NEVER */
};

#define STOP_NONE ((struct stop) { .at = CLOCK_NEVER })

/* TERM, INT: begin, or hurry what has begun.  QUIT: now. */
void stop_signal(struct server *server, int signal, int64_t now);

/* Begins the next stage when it is due. */
void stop_step(struct server *server, int64_t now);

/* True when the daemon has stopped serving, and the loop may end. */
bool stop_is_over(const struct server *server);

#endif
