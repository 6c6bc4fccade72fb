/* The system calls of spawner and children.  Those behind the filter have a row
 * there (master/generations/filter.c). */
#ifndef SPAWNER_IMAGE_CALL_H
#define SPAWNER_IMAGE_CALL_H

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <linux/sockios.h>

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>

#include "shared/plan.h"

/*
 * A system call as syscall(2) makes it, with the kernel's own result: a negative
 * errno for an error.  Where the image has no C library it is an instruction, of
 * which the arguments that are not given cost nothing.
 */
#ifdef SMALL_IMAGE
#define CALL_RESULT(...)                                                    \
	long result;                                                        \
	__asm__ volatile("syscall"                                          \
			 : "=a"(result)                                     \
			 : "a"(number), __VA_ARGS__                         \
			 : "rcx", "r11", "memory");                         \
	return result

static inline long
call0(long number)
{
	CALL_RESULT("D"(0L));
}

static inline long
call1(long number, long a)
{
	CALL_RESULT("D"(a));
}

__attribute__((always_inline)) static inline long
call2(long number, long a, long b)
{
	CALL_RESULT("D"(a), "S"(b));
}

static inline long
call3(long number, long a, long b, long c)
{
	CALL_RESULT("D"(a), "S"(b), "d"(c));
}

static inline long
call5(long number, long a, long b, long c, long d, long e)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;

	CALL_RESULT("D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8));
}

static inline long
call6(long number, long a, long b, long c, long d, long e, long f)
{
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	CALL_RESULT("D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9));
}
#undef CALL_RESULT
#else
static inline long
call6(long number, long a, long b, long c, long d, long e, long f)
{
	long result = syscall(number, a, b, c, d, e, f);

	return result == -1 ? -errno : result;
}
#define call0(number) call6(number, 0, 0, 0, 0, 0, 0)
#define call1(number, a) call6(number, a, 0, 0, 0, 0, 0)
#define call2(number, a, b) call6(number, a, b, 0, 0, 0, 0)
#define call3(number, a, b, c) call6(number, a, b, c, 0, 0, 0)
#define call5(number, a, b, c, d, e) call6(number, a, b, c, d, e, 0)
#endif

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

static inline long
call_send(const void *bytes, size_t length, int flags)
{
	return call6(SYS_sendto, SPAWNER_CLIENT, (long)bytes, (long)length,
	    flags | MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
}

/* With MSG_TRUNC TCP discards the bytes instead: tcp(7). */
static inline long
call_recv(void *bytes, size_t length, int flags)
{
	return call6(SYS_recvfrom, SPAWNER_CLIENT, (long)bytes, (long)length,
	    flags | MSG_DONTWAIT, 0, 0);
}

/* The child of a client behind a proxy, to the master; a short send is none. */
static inline long
call_declare(const struct plan_declared *declared)
{
	return call6(SYS_sendto, SPAWNER_PAIR, (long)declared,
	    sizeof(*declared), MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0);
}

/* Waits for its answer. */
static inline long
call_await_go(struct plan_go *go, size_t room)
{
	return call6(SYS_recvfrom, SPAWNER_PAIR, (long)go, (long)room, 0, 0, 0);
}

static inline long
call_shutdown_write(void)
{
	return call2(SYS_shutdown, SPAWNER_CLIENT, SHUT_WR);
}

/*
 * Stores how many bytes of what was sent the client's kernel has not
 * acknowledged: tcp(7).  A UNIX socket's counts memory, and keeps it until the
 * last byte is read of what lies in one piece there, up to 36 KiB: unix(7) has
 * no better.
 */
static inline long
call_untaken(int *bytes)
{
	return call3(SYS_ioctl, SPAWNER_CLIENT, SIOCOUTQ, (long)bytes);
}

/* The kernel stores the remaining time in left. */
static inline long
call_ppoll(struct pollfd *fds, unsigned n, struct call_time *left)
{
	return call5(CALL_PPOLL, (long)fds, n, (long)left, 0, _NSIG / 8);
}

static inline long
call_close(int fd)
{
	return call1(SYS_close, fd);
}

_Noreturn static inline void
call_exit(int status)
{
	for (;;)
		call1(SYS_exit_group, status);
}

#endif
