/* A kernel that a test plays for the lockdown of a spawner. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/spawner/played.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>

#include <linux/capability.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "shared/plan.h"

#define DESCRIPTOR 1000 /* that no process of this test has */

struct kernel kernel;
static bool in_child;

/* Of an attempt that must be refused with that errno. */
static int
attempt(const char *call, int refusal)
{
	int how = tricked(call, ANY);

	if (how == LIES)
		return 0;
	errno = how == WORKS ? refusal : how;
	return -1;
}

/* ---------------------------------------------------------------- the calls */

int __wrap_setrlimit(int resource, const struct rlimit *limit);
int
__wrap_setrlimit(int resource, const struct rlimit *limit)
{
	int result;

	if (trick_leaves("setrlimit", resource, &result))
		kernel.limit[resource] = *limit;
	return result;
}

int __wrap_getrlimit(int resource, struct rlimit *limit);
int
__wrap_getrlimit(int resource, struct rlimit *limit)
{
	int how = tricked("getrlimit", resource);

	*limit = kernel.limit[resource];
	if (how == LIES)
		limit->rlim_max++; /* only that one is another */
	return how > 0 ? -1 : 0;
}

static int
prctl_set(int option, int *what, int value)
{
	int result;

	if (trick_leaves("prctl", option, &result))
		*what = value;
	return result;
}

int __wrap_prctl(int option, ...);
int
__wrap_prctl(int option, ...)
{
	va_list list;
	unsigned long value;

	va_start(list, option);
	value = va_arg(list, unsigned long);
	va_end(list);
	switch (option) {
	case PR_SET_DUMPABLE:
		return prctl_set(option, &kernel.dumpable, (int)value);
	case PR_SET_NO_NEW_PRIVS:
		return prctl_set(option, &kernel.no_new_privileges, (int)value);
	case PR_SET_PDEATHSIG:
		return prctl_set(option, &kernel.death_signal, (int)value);
	case PR_GET_PDEATHSIG:
		*(int *)value = kernel.death_signal;
		return tricked("prctl", option) > 0 ? -1 : 0;
	case PR_GET_DUMPABLE:
		return tricked("prctl", option) ? -1 : kernel.dumpable;
	default:
		assert_int_equal(option, PR_GET_NO_NEW_PRIVS);
		return tricked("prctl", option) ? -1 : kernel.no_new_privileges;
	}
}

/* Their names where off_t has 32 bits otherwise. */
int __wrap_setrlimit64(int resource, const struct rlimit *limit)
    __attribute__((alias("__wrap_setrlimit")));
int __wrap_getrlimit64(int resource, struct rlimit *limit)
    __attribute__((alias("__wrap_getrlimit")));
int __wrap_open64(const char *path, int flags, ...)
    __attribute__((alias("__wrap_open")));

/* No capabilities, as it should be. */
static int
capget(void *sets)
{
	struct __user_cap_data_struct *set = sets;
	int how = tricked("capget", ANY);

	if (how > 0)
		return -1;
	memset(set, 0, 2 * sizeof(*set));
	if (how == LIES) /* the last one of all */
		set[1].inheritable = 1;
	return 0;
}

static int
create_ruleset(const void *rules, size_t size)
{
	if (rules == NULL)
		return tricked("abi", ANY) ? -1 : kernel.abi;
	if (tricked("landlock_create_ruleset", ANY))
		return -1;
	memcpy(&kernel.rules, rules, size);
	kernel.rules_size = size;
	kernel.open++;
	return DESCRIPTOR;
}

static int
limit_of_child(int resource, const struct plan_limit *limit)
{
	int result;

	if (trick_leaves("prlimit64", resource, &result))
		kernel.limit[resource] =
		    (struct rlimit){ limit->soft, limit->hard };
	return result;
}

long __wrap_syscall(long number, ...);
long
__wrap_syscall(long number, ...)
{
	int result = 0;
	va_list list;
	long a, b, c;

	va_start(list, number);
	a = va_arg(list, long);
	b = va_arg(list, long);
	c = number == SYS_prlimit64 ? va_arg(list, long) : 0;
	va_end(list);
	switch (number) {
	case SYS_capget:
		return capget((void *)b);
	case SYS_landlock_create_ruleset:
		return create_ruleset((void *)a, (size_t)(unsigned)b);
	case SYS_landlock_restrict_self:
		assert_int_equal((int)a, DESCRIPTOR);
		if (trick_leaves("landlock_restrict_self", -1, &result))
			kernel.restricted = true;
		return result;
	case SYS_prlimit64:
		return limit_of_child((int)b, (struct plan_limit *)c);
	default:
		assert_int_equal(number, SYS_setitimer);
		if (trick_leaves("setitimer", -1, &result))
			kernel.seconds = ((const long *)b)[2];
		return result;
	}
}

int __wrap_getitimer(__itimer_which_t which, struct itimerval *timer);
int
__wrap_getitimer(__itimer_which_t which, struct itimerval *timer)
{
	timer->it_value.tv_sec = kernel.seconds;
	return tricked("getitimer", which) ? -1 : 0;
}

int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int
__wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	int result = tricked("sigprocmask", how);

	assert_null(set);
	sigemptyset(old);
	if (result == LIES)
		sigaddset(old, NSIG - 1);
	return result > 0 ? -1 : 0;
}

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int
__wrap_open(const char *path, int flags, ...)
{
	if (strcmp(path, "/") != 0) /* gcov's counters */
		return __real_open(path, flags, 0666);
	assert_int_equal(flags & O_ACCMODE, O_RDONLY);
	if (!kernel.restricted)
		return 0;
	return attempt("open", EACCES);
}

int __wrap_socket(int family, int type, int protocol);
int
__wrap_socket(int family, int type, int protocol)
{
	(void)type;
	(void)protocol;
	assert_int_equal(family, AF_INET);
	if (tricked("socket", ANY))
		return -1;
	kernel.open++;
	return DESCRIPTOR;
}

int __wrap_connect(int fd, const struct sockaddr *to, socklen_t length);
int
__wrap_connect(int fd, const struct sockaddr *to, socklen_t length)
{
	(void)to;
	(void)length;
	assert_int_equal(fd, DESCRIPTOR);
	return attempt("connect", EACCES);
}

int __wrap_bind(int fd, const struct sockaddr *to, socklen_t length);
int
__wrap_bind(int fd, const struct sockaddr *to, socklen_t length)
{
	(void)to;
	(void)length;
	assert_int_equal(fd, DESCRIPTOR);
	return attempt("bind", EACCES);
}

int __wrap_kill(pid_t pid, int number);
int
__wrap_kill(pid_t pid, int number)
{
	assert_int_equal(pid, getppid());
	assert_int_equal(number, 0);
	return attempt("kill", EPERM);
}

int __wrap_dup(int fd);
int
__wrap_dup(int fd)
{
	assert_int_equal(fd, SPAWNER_CLIENT);
	return attempt("dup", EMFILE);
}

int __wrap_dup2(int from, int to);
int
__wrap_dup2(int from, int to)
{
	assert_int_equal(from, SPAWNER_SOCKET);
	return tricked("dup2", to) ? -1 : to;
}

int __real_close(int fd);
int __wrap_close(int fd);
int
__wrap_close(int fd)
{
	if (fd != DESCRIPTOR)
		return __real_close(fd);
	kernel.open--;
	return 0;
}

/* The spawner's makes its child, whose own is an attempt. */
pid_t __real_fork(void);
pid_t __wrap_fork(void);
pid_t
__wrap_fork(void)
{
	pid_t pid;

	if (in_child)
		return kernel.limit[RLIMIT_NPROC].rlim_cur == 0 &&
			attempt("fork of the child", EAGAIN) == -1
		    ? -1
		    : 1;
	if (tricked("fork", ANY))
		return -1;
	pid = __real_fork();
	in_child = pid == 0;
	return pid;
}

pid_t __real_waitpid(pid_t pid, int *status, int flags);
pid_t __wrap_waitpid(pid_t pid, int *status, int flags);
pid_t
__wrap_waitpid(pid_t pid, int *status, int flags)
{
	int how = tricked("waitpid", ANY);

	if (how > 0)
		return -1;
	pid = __real_waitpid(pid, status, flags);
	if (how == LIES)
		*status = SIGKILL;
	return pid;
}
