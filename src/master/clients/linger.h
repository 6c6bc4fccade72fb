/* Connections that we have ended, until their clients have read that: a close
 * with unread input would make the kernel send a reset, which can destroy what
 * was sent before. */
#ifndef MASTER_CLIENTS_LINGER_H
#define MASTER_CLIENTS_LINGER_H

#include <stdbool.h>
#include <stdint.h>

#include "master/system/events.h"
#include "master/config/resources.h"

/* So long each: what TCP needs to repeat a lost segment twice. */
#define LINGER_MS 2000
/* Who says more than that does not listen. */
#define LINGER_BYTES_MAX (UINT64_C(16) << 20)

struct lingering {
	int fd;
	uint32_t next, prev; /* by age; next also of the free ones */
	int64_t until; /* clock_now() */
	uint64_t bytes; /* that it has said */
};

/* All connections of a set linger for the same time, so that the oldest is the
 * first that is due. */
struct linger_set {
	int epoll;
	enum event_kind kind; /* of its events */
	int64_t time; /* microseconds */
	uint32_t n;
	uint32_t oldest, youngest, free;
	struct lingering slots[LINGER_MAX];
};

/* An empty set.  Its connections are watched by epoll as events of that kind,
 * whose index linger_event() wants. */
void linger_init(
    struct linger_set *set, int epoll, enum event_kind kind, int64_t time);

/*
 * Takes fd, a socket whose sending side is shut down: what its client says is
 * thrown away until its end of stream, then it is closed, or when its time is
 * over.  When the set is full the oldest is closed for it; when it cannot be
 * watched, it is closed at once.  Never blocks.
 */
void linger_add(struct linger_set *set, int fd, int64_t now);

/* The connection with that index can be read, or was when epoll_wait(2) said
 * so. */
void linger_event(struct linger_set *set, uint32_t index);

/* Closes those whose time is over. */
void linger_step(struct linger_set *set, int64_t now);

/* clock_now() at which linger_step() has something to do, CLOCK_NEVER. */
int64_t linger_wakeup(const struct linger_set *set);

/* Closes the oldest, for its descriptor is needed.  False: there was none. */
bool linger_give_up(struct linger_set *set);

/* Closes all of them. */
void linger_clear(struct linger_set *set);

#endif
