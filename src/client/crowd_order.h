/* What a crowd of connections has to do, and what came of it. */
#ifndef CLIENT_CROWD_ORDER_H
#define CLIENT_CROWD_ORDER_H


#include <sys/socket.h>

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/histogram.h"

/* How a connection ended; the first are as enum crowd_text. */
enum crowd_end {
	CROWD_GREETED, /* the expected greeting, then the end of stream */
	CROWD_TURNED_AWAY, /* the expected refusal, then the end of stream */
	CROWD_REFUSED, /* ECONNREFUSED */
	CROWD_RESET, /* ECONNRESET or EPIPE, also behind a whole greeting */
	CROWD_TIMEOUT, /* no end of stream in time */
	CROWD_SHORT, /* the end of stream came before the whole text */
	CROWD_WRONG, /* other bytes than expected, or more of them */
	CROWD_PORTS, /* none was made: no local port was free */
	CROWD_LOCAL, /* none was made: descriptors, memory */
	CROWD_OTHER, /* any other error of connect(2), send(2), read(2) */
	CROWD_ENDS
};

/* The ends' names, as they are printed. */
extern const char *const crowd_end_names[CROWD_ENDS];

/* What a server may say: its greeting, or that it refuses. */
enum crowd_text { CROWD_GREETING, CROWD_REFUSAL, CROWD_TEXTS };

/* Bytes of a greeting that is_right() gets, at most. */
#define CROWD_KEPT_MAX 512

/* What to do. */
struct crowd_order {
	struct sockaddr_storage server;
	socklen_t server_length;
	const char *texts[CROWD_TEXTS]; /* expected; NULL: never right */
	/* What a greeting is judged by when it is no fixed text: its first
	 * CROWD_KEPT_MAX bytes.  NULL, and no texts either: any is right. */
	bool (*is_right)(const void *how, const char *text, size_t length);
	const void *how;
	const char *request; /* what each says first; NULL: nothing */
	size_t request_length;
	unsigned at; /* connections at a time, at most */
	unsigned rate; /* new ones per second; 0: as soon as one has ended */
	unsigned sources; /* source addresses, see below; 0: do not bind */
	unsigned first; /* of them: 1 ... 254 */
	/* Instead of that: binds the socket of the number-th connection,
	 * counted from 0.  Returns 0, or -1 with errno. */
	int (*bind)(int fd, uint64_t number);
	uint64_t total; /* connections; UINT64_MAX: no limit */
	uint64_t run_ns; /* start none after this; UINT64_MAX: no limit */
	uint64_t wait_ns; /* for one connection, connect to end of stream */
	const volatile sig_atomic_t *stop; /* ends it when set; NULL: never */
	/* Called about ten times a second; NULL: not. */
	void (*progress)(const struct crowd_order *, uint64_t ended);
};

/* What came of it.  Times are microseconds since connect(2). */
struct crowd_result {
	uint64_t ends[CROWD_ENDS];
	uint64_t in_time[CROWD_TEXTS]; /* had it before run_ns was over */
	uint64_t elapsed_ns; /* until the last end, at most run_ns */
	uint64_t unfinished; /* when it was stopped */
	int error; /* errno of the last of CROWD_PORTS, _LOCAL, _OTHER */
	struct histogram first_byte; /* of a greeting */
	struct histogram end_of_stream; /* of those greeted */
};

#endif
