/* Which listeners the loop polls, and whose turn it is to be accepted from. */
#ifndef MASTER_WATCH_H
#define MASTER_WATCH_H

#include <stdbool.h>
#include <stdint.h>

struct listener;
struct server;

/* How often a listener that was lost is tried again, in seconds. */
#define WATCH_REVIVE_SECONDS 1

struct watch {
	uint32_t n_readable; /* listeners that have clients, in this turn */
	uint32_t first; /* index of the listener whose turn it is */
	bool any_muted;
	int64_t revive_at; /* clock_now(), CLOCK_NEVER: none is lost */
	int64_t revived; /* when one was last tried */
};

/* What the kernel says of the listener with that index: it has clients, or it
 * is lost: whoever has the socket too has ended it (shutdown(2), or ss -K). */
void watch_event(
    struct server *server, uint32_t index, uint32_t events, int64_t now);

/* True, once in a turn, when it has clients. */
bool watch_take(struct server *server, uint32_t index);

/* Not polled until watch_poll(). */
void watch_mute(struct server *server, uint32_t index);

/* Polls it, under that index.  One that epoll does not have is lost. */
void watch_poll(struct server *server, uint32_t index);

/* Logs that it listens. */
void watch_say(const struct server *server, const struct listener *listener);

/* Has those that are lost listen again, at most once in
 * WATCH_REVIVE_SECONDS. */
void watch_step(struct server *server, int64_t now);

#endif
