/* The system calls of spawner and session: no libc service stands between them
 * and the filter, which has a row for each (master/sandbox.c). */
#ifndef SPAWNER_CALLS_H
#define SPAWNER_CALLS_H

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "shared/plan.h"

/* struct timespec as the kernel takes it from call_ppoll(). */
#ifdef SYS_ppoll_time64
#define CALL_PPOLL SYS_ppoll_time64
#else
#define CALL_PPOLL SYS_ppoll
#endif
struct call_time {
	int64_t seconds;
	int64_t nanoseconds;
};

/* All of them return what syscall(2) does: -1 and errno on error. */

static inline long
call_send(const void *bytes, size_t length, int flags)
{
	return syscall(SYS_sendto, SPAWNER_CLIENT, bytes, length,
	    flags | MSG_NOSIGNAL | MSG_DONTWAIT, NULL, 0);
}

static inline long
call_recv(void *bytes, size_t length)
{
	return syscall(SYS_recvfrom, SPAWNER_CLIENT, bytes, length,
	    MSG_DONTWAIT | MSG_TRUNC, NULL, NULL);
}

static inline long
call_shutdown_write(void)
{
	return syscall(SYS_shutdown, SPAWNER_CLIENT, SHUT_WR);
}

/* Bytes that the client has not acknowledged yet: SIOCOUTQ of tcp(7), which is
 * TIOCOUTQ by another name. */
static inline long
call_unsent(int *bytes)
{
	return syscall(SYS_ioctl, SPAWNER_CLIENT, TIOCOUTQ, bytes);
}

/* The kernel writes the time that is left back to left. */
static inline long
call_ppoll(struct pollfd *fds, unsigned n, struct call_time *left)
{
	return syscall(CALL_PPOLL, fds, n, left, NULL, _NSIG / 8);
}

static inline long
call_close(int fd)
{
	return syscall(SYS_close, fd);
}

_Noreturn static inline void
call_exit(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

#endif
