/* A client's side of a session, and the kernel in between: what comes of each call
 * is in a script.  Who includes this has the session before it, and says in
 * CLIENT_GOT_MAX how many bytes a client may get. */
#ifndef FUZZ_CLIENT_H
#define FUZZ_CLIENT_H

#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "fuzz.h"
#include "spawner/image/call.h"

static struct {
	struct input script; /* what comes of each call */
	const uint8_t *says;
	size_t length;
	size_t read; /* of that, by a call that keeps it */
	size_t peeked; /* of that, behind what is gone */
	size_t gone; /* of that, read or discarded */
	char got[CLIENT_GOT_MAX];
	size_t n_got;
	bool has_closed, has_reset, has_end;
	bool is_late;
	int64_t still_ms; /* it was waited for, and took nothing */
	int untaken; /* as the child was told last */
} client;

static inline long
client_fail(int error)
{
	errno = error;
	return -1;
}

/* Nothing more is coming: the end, a reset, or nothing. */
static inline long
client_comes_nothing(void)
{
	if (client.has_reset)
		return client_fail(ECONNRESET);
	return client.has_closed ? 0 : client_fail(EAGAIN);
}

/* How many of length bytes a call for them gets; 0: none are left.  -1: the script
 * has it fail. */
static inline long
client_comes(size_t length)
{
	uint8_t how = input_byte(&client.script);
	size_t left = client.length - client.gone;
	size_t n = how & 0x40 ? length : how % 16u + 1;

	if (how & 0x80)
		return client_fail(how & 1 ? EAGAIN : EINTR);
	n = n < length ? n : length;
	return (long)(n < left ? n : left);
}

static inline long
client_takes(const char *bytes, size_t length, int flags)
{
	uint8_t how = input_byte(&client.script);
	size_t n = how & 0x40 ? how % 16u + 1 : length;

	MUST(flags == (MSG_DONTWAIT | MSG_NOSIGNAL | MSG_MORE));
	MUST(length > 0 && !client.has_end);
	if (how == 0xff)
		return client_fail(EPIPE);
	if (how & 0x80)
		return client_fail(how & 1 ? EAGAIN : EINTR);
	n = n < length ? n : length;
	MUST(client.n_got + n <= sizeof(client.got));
	memcpy(client.got + client.n_got, bytes, n);
	client.n_got += n;
	client.still_ms = 0;
	client.untaken = INT_MAX;
	return (long)n;
}

/* What is left of a time: of a step, but for the nanoseconds that waits took. */
static inline int64_t
client_ms(const struct call_time *left)
{
	return left->seconds * 1000 + (left->nanoseconds + 999999) / 1000000;
}

/* How much it has not taken: what the child waits for is that it becomes
 * less. */
static inline long
client_leaves(long command, int *bytes)
{
	uint8_t how = input_byte(&client.script);

	MUST(command == SIOCOUTQ);
	if (how & 0x80)
		return client_fail(EINVAL);
	if (how < client.untaken)
		client.still_ms = 0;
	*bytes = client.untaken = how;
	return 0;
}

/* Silence lasts until the time is over, most_ms at most; and send_ms in all
 * where nothing is taken. */
static inline long
client_waits(struct pollfd *fd, unsigned n, struct call_time *left,
    int64_t most_ms, int64_t send_ms)
{
	uint8_t how = input_byte(&client.script);
	bool silent = client.gone == client.length && !client.has_closed &&
	    !client.has_reset;

	MUST(n == 1 && fd->fd == SPAWNER_CLIENT && fd->events != 0);
	MUST(client.still_ms < send_ms);
	MUST(left->seconds >= 0 && left->seconds <= most_ms / 1000);
	MUST(left->nanoseconds >= 0 && left->nanoseconds < 1000000000);
	fd->revents = fd->events & (silent ? POLLOUT : POLLIN | POLLOUT);
	if (fd->revents == 0 || how > 0xf0) {
		if ((fd->events & POLLOUT) != 0)
			client.still_ms += client_ms(left);
		*left = (struct call_time) { 0, 0 };
		client.is_late = true;
		return 0;
	}
	if (left->nanoseconds > 0)
		left->nanoseconds--;
	return 1;
}

static inline long
client_shutdown(long fd, long how)
{
	MUST(fd == SPAWNER_CLIENT && how == SHUT_WR && !client.has_end);
	client.has_end = true;
	return 0;
}

/* What the child does before that succeeds. */
static inline bool
client_is_prologue(long number)
{
	return number == SYS_prctl || number == SYS_getppid ||
	    number == SYS_prlimit64 || number == SYS_setitimer;
}

#endif
