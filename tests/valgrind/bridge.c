/*
 * Lets valgrind run the programs of a release build, unchanged.  Preloaded into
 * what runs under valgrind ("make check-valgrind"), never installed.
 *
 * - valgrind 3.19 (Debian 12) does not know seccomp(2), landlock(7) and
 *   pidfd_open(2), and makes execveat(2) of a descriptor an execve(2) of a path.
 *   These are made on the real CPU, behind its back.
 * - The filter of the configuration child kills at the first call that is
 *   valgrind's own (to translate code it maps memory to be executed).  It is
 *   built, but not loaded, and the answer by which it shows that it is there is
 *   given here; tests/unit/test_conf_cage.c tests it without valgrind.  A filter
 *   that allows by default is loaded.
 * - Limits of memory and file size would stop valgrind itself, and it refuses
 *   any change of the hard limit of descriptors: who asks is told what he set.
 *
 * - forkgreet-reader, which is executed by descriptor, runs under a valgrind of
 *   its own when the daemon starts.  At a reload it would take seconds, and the
 *   tests of reloads are about what happens meanwhile; unit tests start hundreds.
 *
 * forkgreet-spawner is not run under valgrind (--trace-children=no): the preload
 * needs a dynamic program, and under the spawner's filter, which it must have to
 * start at all, valgrind could not make one call.
 */
#include "config.h"

#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <seccomp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <valgrind/valgrind.h>

#ifndef __x86_64__
#error "written for x86-64"
#endif

#define ARGUMENTS 5

static bool is_parser; /* the process that parses the configuration */

/* What was asked for, of limits that are not set as asked. */
static struct {
	bool asked;
	struct rlimit limit;
} told[RLIM_NLIMITS];

struct call {
	long number;
	long argument[ARGUMENTS];
	int program; /* what valgrind is to run instead of executing it, 0: none */
	/* What valgrind keeps from the kernel and a new program must have. */
	sigset_t mask;
	struct rlimit data;
};

static long
enter(long number, long a, long b, long c, long d, long e)
{
	long result;
	register long fourth __asm__("r10") = d;
	register long fifth __asm__("r8") = e;

	__asm__ volatile("syscall"
	    : "=a"(result)
	    : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
	    : "rcx", "r11", "memory");
	return result;
}

/* On the real CPU and valgrind's stack: nothing of libc works here. */
static long
call_really(unsigned thread, const struct call *call)
{
	const long *a = call->argument;
	long first = a[0];

	(void)thread;
	if (call->number == SYS_execveat) {
		enter(SYS_prlimit64, 0, RLIMIT_DATA, (long)&call->data, 0, 0);
		enter(SYS_rt_sigprocmask, SIG_SETMASK, (long)&call->mask, 0,
		    _NSIG / 8, 0);
	}
	if (call->program != 0) {
		enter(SYS_fcntl, call->program, F_SETFD, 0, 0, 0);
		first = enter(SYS_openat, AT_FDCWD, (long)"/proc/self/exe",
		    O_PATH | O_CLOEXEC, 0, 0);
	}
	return enter(call->number, first, a[1], a[2], a[3], a[4]);
}

static long
call_past_valgrind(const struct call *call)
{
	long result = (long)VALGRIND_NON_SIMD_CALL1(call_really, call);

	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

/* The caller has its own prototype of what is replaced here. */
int pidfd_open(pid_t pid, unsigned flags);
int
pidfd_open(pid_t pid, unsigned flags)
{
	int fd = eventfd(0, EFD_CLOEXEC); /* --track-fds sees this one */
	int hidden, error;

	if (fd == -1)
		return -1;
	hidden = (int)call_past_valgrind(&(struct call) {
	    .number = SYS_pidfd_open, .argument = { pid, flags } });
	if (hidden == -1) {
		error = errno;
		close(fd);
		errno = error;
		return -1;
	}
	call_past_valgrind(&(struct call) {
	    .number = SYS_dup3, .argument = { hidden, fd, O_CLOEXEC } });
	call_past_valgrind(&(struct call) {
	    .number = SYS_close, .argument = { hidden } });
	return fd;
}

/* ------------------------------------------------------------------ the reader */

/* How a program is run under valgrind: what the file "under" beside this library
 * says, read while it may still be. */
static struct {
	char preload[PATH_MAX + sizeof("LD_PRELOAD=")];
	char text[4096];
	char *argv[64];
	size_t n;
} under;

__attribute__((constructor)) static void
under_read(void)
{
	char path[PATH_MAX], *word, *rest = under.text;
	const char *self, *slash;
	Dl_info info;
	FILE *file;

	if (dladdr(&under, &info) == 0)
		return;
	self = info.dli_fname;
	slash = strrchr(self, '/');
	if (slash == NULL)
		return;
	snprintf(under.preload, sizeof(under.preload), "LD_PRELOAD=%s", self);
	snprintf(path, sizeof(path), "%.*s/under", (int)(slash - self), self);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fgets(under.text, sizeof(under.text), file) != NULL)
		while (under.n < 60 &&
		    (word = strsep(&rest, " \n")) != NULL && *word != '\0')
			under.argv[under.n++] = word;
	fclose(file);
}

/* Makes it an execveat(2) of the tool that runs us, as valgrind(1) starts it. */
static void
under_valgrind(struct call *call)
{
	static char launcher[PATH_MAX + sizeof("VALGRIND_LAUNCHER=")];
	static char *environment[] = { launcher, under.preload, NULL };
	static char program[64];
	long *a = call->argument;
	char **argv = (char **)a[2];

	if (under.n == 0)
		return;
	call->program = (int)a[0];
	snprintf(launcher, sizeof(launcher), "VALGRIND_LAUNCHER=%s",
	    under.argv[0]);
	snprintf(program, sizeof(program), "/proc/self/fd/%d", call->program);
	under.argv[under.n] = program;
	under.argv[under.n + 1] = argv[1];
	a[2] = (long)under.argv;
	a[3] = (long)environment;
}

long
syscall(long number, ...)
{
	long (*next)(long, ...) = (long (*)(long, ...))dlsym(
	    RTLD_NEXT, "syscall");
	struct call call = { .number = number };
	long *a = call.argument;
	va_list arguments;
	size_t i;

	va_start(arguments, number);
	for (i = 0; i < ARGUMENTS; i++)
		a[i] = va_arg(arguments, long);
	va_end(arguments);
	switch (number) {
	case SYS_execveat:
		sigprocmask(SIG_SETMASK, NULL, &call.mask);
		getrlimit(RLIMIT_DATA, &call.data);
		if (strcmp(((char **)a[2])[0], "forkgreet-reader") == 0 &&
		    strcmp(program_invocation_short_name, "forkgreetd") == 0 &&
		    prctl(PR_GET_SECCOMP) == 0)
			under_valgrind(&call);
		break;
	case SYS_execve: /* master/system/denylist.c: it must not be let through */
	case SYS_seccomp:
	case SYS_landlock_create_ruleset:
	case SYS_pidfd_open:
		break;
	case SYS_getppid: /* reader/cage.c, KNOWN_ANSWER */
		if (is_parser) {
			errno = ENODATA;
			return -1;
		}
		return next(number);
	default:
		return next(number, a[0], a[1], a[2], a[3], a[4]);
	}
	return call_past_valgrind(&call);
}

static int
limit_now(__rlimit_resource_t resource, struct rlimit *limit)
{
	int (*next)(__rlimit_resource_t, struct rlimit *) =
	    (int (*)(__rlimit_resource_t, struct rlimit *))dlsym(
		RTLD_NEXT, "getrlimit");

	return next(resource, limit);
}

int
setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	int (*next)(__rlimit_resource_t, const struct rlimit *) =
	    (int (*)(__rlimit_resource_t, const struct rlimit *))dlsym(
		RTLD_NEXT, "setrlimit");
	struct rlimit lower = *limit, now;

	told[resource].asked = resource == RLIMIT_AS ||
	    resource == RLIMIT_FSIZE || resource == RLIMIT_NOFILE;
	told[resource].limit = *limit;
	if (resource == RLIMIT_AS || resource == RLIMIT_FSIZE)
		return 0;
	if (resource == RLIMIT_NOFILE && limit_now(resource, &now) == 0)
		lower.rlim_max = now.rlim_max;
	return next(resource, &lower);
}

int
getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	if (!told[resource].asked)
		return limit_now(resource, limit);
	*limit = told[resource].limit;
	return 0;
}

int
seccomp_load(const scmp_filter_ctx context)
{
	int (*next)(const scmp_filter_ctx) =
	    (int (*)(const scmp_filter_ctx))dlsym(RTLD_NEXT, "seccomp_load");
	int (*get)(const scmp_filter_ctx, enum scmp_filter_attr, uint32_t *) =
	    (int (*)(const scmp_filter_ctx, enum scmp_filter_attr,
		uint32_t *))dlsym(RTLD_NEXT, "seccomp_attr_get");
	uint32_t action;

	if (get(context, SCMP_FLTATR_ACT_DEFAULT, &action) != 0 ||
	    action != SCMP_ACT_KILL_PROCESS)
		return next(context);
	is_parser = true;
	return 0;
}

/* tests/valgrind/judge must know who ended in the middle of things. */
static void
say_end(void)
{
	VALGRIND_PRINTF("bridge: %s\n", is_parser ? "parser" : "exit");
}

void
exit(int status)
{
	void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "exit");

	say_end();
	next(status);
	__builtin_unreachable();
}

void
_exit(int status)
{
	void (*next)(int) = (void (*)(int))dlsym(RTLD_NEXT, "_exit");

	say_end();
	next(status);
	__builtin_unreachable();
}
