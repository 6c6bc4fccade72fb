/* Which listeners the loop polls, and from which to accept next. */
#ifndef MASTER_LISTENERS_WATCH_H
#define MASTER_LISTENERS_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct listener;
struct listeners;
struct report;

/* Seconds between attempts to listen again on a lost listener. */
#define WATCH_REVIVE_SECONDS 1

struct watch {
	int epoll;
	struct listeners *listeners; /* the running ones */
	uint32_t n_readable; /* listeners that have clients, in this turn */
	uint32_t first; /* index of the listener whose turn it is */
	bool any_muted;
	int64_t revive_at; /* clock_now(), CLOCK_NEVER: none is lost */
	int64_t revived; /* when one was last tried */
};

/* Watches none of listeners yet; their events go to epoll. */
void watch_init(struct watch *watch, int epoll, struct listeners *listeners);

/*
 * Adds the sockets of a configuration that is about to run to epoll, without
 * polling them yet: what can fail must fail before anything is changed.
 * Returns 0, or -1 with the error in report.
 */
int watch_register(const struct watch *watch, const struct listeners *fresh,
    struct report *report);

/* Polls the listeners, which are new ones, under their new indices, and logs
 * those that begin to listen. */
void watch_start(struct watch *watch);

/* Takes the listeners that keep does not have from epoll: closing is not enough
 * when another process has the socket too. */
void watch_remove(const struct watch *watch, const struct listeners *listeners,
    const struct listeners *keep);

/* The kernel's event for the listener with that index: it has clients, or it is
 * lost, ended by another owner of the socket (shutdown(2), or ss -K). */
void watch_event(
    struct watch *watch, uint32_t index, uint32_t events, int64_t now);

/* True, once in a turn, when it has clients. */
bool watch_take(struct watch *watch, uint32_t index);

/* Not polled until watch_poll(). */
void watch_mute(struct watch *watch, uint32_t index);

/* Polls it, under that index.  One that epoll does not have is lost. */
void watch_poll(struct watch *watch, uint32_t index);

/* Makes lost listeners listen again, at most once in WATCH_REVIVE_SECONDS. */
void watch_step(struct watch *watch, int64_t now);

#endif
