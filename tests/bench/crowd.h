/* Many connections to one greeting server, a fixed number at a time. */
#ifndef BENCH_CROWD_H
#define BENCH_CROWD_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "histogram.h"

/* How a connection ended; the first are as enum crowd_text. */
enum crowd_end {
	CROWD_GREETED, /* the expected greeting, then the end of stream */
	CROWD_TURNED_AWAY, /* the expected refusal, then the end of stream */
	CROWD_REFUSED, /* ECONNREFUSED */
	CROWD_RESET, /* ECONNRESET or EPIPE, also behind a whole greeting */
	CROWD_TIMEOUT, /* no end of stream in time */
	CROWD_SHORT, /* the end of stream came before the whole text */
	CROWD_WRONG, /* other bytes than expected, or more of them */
	CROWD_LOCAL, /* none was made: descriptors, ports, memory */
	CROWD_OTHER, /* any other error of connect(2), send(2), read(2) */
	CROWD_ENDS
};

/* The ends' names, as they are printed. */
extern const char *const crowd_end_names[CROWD_ENDS];

/* What a server may say: its greeting, or that it refuses. */
enum crowd_text { CROWD_GREETING, CROWD_REFUSAL, CROWD_TEXTS };

/* Bytes of a greeting that is compared with a pattern, at most. */
#define CROWD_KEPT_MAX 512

/* What to do. */
struct crowd_order {
	struct sockaddr_in server;
	const char *texts[CROWD_TEXTS]; /* expected; NULL: never right */
	const char *pattern; /* of the greeting instead; '*': any bytes */
	const char *request; /* what each says first; NULL: nothing */
	unsigned at; /* connections at a time, at most */
	unsigned rate; /* new ones per second; 0: as soon as one has ended */
	unsigned sources; /* source addresses, see below; 0: do not bind */
	unsigned first; /* of them: 1 ... 254 */
	uint64_t total; /* connections; UINT64_MAX: no limit */
	uint64_t run_ns; /* start none after this; UINT64_MAX: no limit */
	uint64_t wait_ns; /* for one connection, connect to end of stream */
};

/* What came of it.  Times are microseconds since connect(2) was called. */
struct crowd_result {
	uint64_t ends[CROWD_ENDS];
	uint64_t in_time[CROWD_TEXTS]; /* had it before run_ns was over */
	uint64_t elapsed_ns; /* until the last end, at most run_ns */
	struct histogram first_byte; /* of a greeting */
	struct histogram end_of_stream; /* of those greeted */
};

/*
 * Makes the connections, each: connect, send the request if there is one, read
 * until the end of stream, close.
 * The server closes first, so that TIME_WAIT is on its side and the local
 * ports stay free; connections are spread over the source addresses
 * 127.0.0.<first> ... all the same (at a time, at most at/sources rounded up
 * come from one), which needs a server on 127.0.0.0/8.
 * With a rate, a connection that would be one too many at a time comes later;
 * all that are late by then come at once.
 * A connection that cannot be made is counted and tried again 100 ms later.
 * Returns when all have ended: after run_ns and wait_ns at most, when run_ns
 * is set.  result is all zero before.  Returns 0, or -1 with errno when memory
 * or epoll cannot be had.
 */
int crowd_run(const struct crowd_order *order, struct crowd_result *result);

#endif
