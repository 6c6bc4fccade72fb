/* The lingering close of refused clients: a close with unread input would make
 * the kernel send a reset, which can destroy the text that was sent before. */
#ifndef MASTER_CLIENTS_LINGER_H
#define MASTER_CLIENTS_LINGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/system/events.h"
#include "master/config/resources.h"

/* How long each may take: time for TCP to send a lost segment twice more. */
#define LINGER_MS 2000
/* A client that sends more than this does not listen. */
#define LINGER_BYTES_MAX (UINT64_C(16) << 20)

/* The longest answer that is owed: a head and a text. */
#define LINGER_OWED_MAX 4864

struct lingering {
	int fd;
	uint32_t next, prev; /* by age; next also of the free ones */
	int64_t until; /* clock_now() */
	uint64_t bytes; /* that it has sent */
	uint32_t owed; /* bytes of its answer, which it has yet to ask for */
	uint32_t owed_head; /* of these, the head */
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
	char owed[LINGER_MAX][LINGER_OWED_MAX]; /* untouched rows cost nothing */
};

/* Makes an empty set.  Its connections are watched by epoll as events of that
 * kind, whose index is passed to linger_event(). */
void linger_init(
    struct linger_set *set, int epoll, enum event_kind kind, int64_t time);

/*
 * Takes fd, a socket whose sending side is shut down.  What its client sends is
 * discarded until its end of stream or until its time is over; then it is
 * closed.  When the set is full, one is closed to make room, the oldest that is
 * owed an answer before the oldest of all; when fd cannot be watched, it is closed at once.  Never blocks.
 */
void linger_add(struct linger_set *set, int fd, int64_t now);

/*
 * Takes fd, a socket whose client is sent nothing before it has said something:
 * then it is sent the length bytes, or only the first head of them when what it
 * says begins with "HEAD ", and lingers.  One that says nothing in time is
 * closed without a word.
 */
void linger_owe(struct linger_set *set, int fd, const char *bytes,
    size_t length, size_t head, int64_t now);

/* Takes one that lingered before an exec, with what it is owed; it has as long as
 * it had. */
void linger_restore(struct linger_set *set, const struct lingering *lingering,
    const char owed[LINGER_OWED_MAX]);

/* The connection with that index can be read, or was when epoll_wait(2) said
 * so. */
void linger_event(struct linger_set *set, uint32_t index, int64_t now);

/* Closes those whose time is over. */
void linger_step(struct linger_set *set, int64_t now);

/* clock_now() at which linger_step() has something to do, or CLOCK_NEVER. */
int64_t linger_wakeup(const struct linger_set *set);

/* Closes the oldest because its descriptor is needed.  Returns false when there
 * is none. */
bool linger_give_up(struct linger_set *set);

/* Closes all of them. */
void linger_clear(struct linger_set *set);

#endif
