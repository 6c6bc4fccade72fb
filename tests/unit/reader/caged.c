/* A kernel and a libseccomp that a test plays for the reader's cage. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/reader/caged.h"

#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include <errno.h>
#include <grp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "shared/descriptors.h"
#include "shared/userns.h"

struct kernel kernel;

/* ---------------------------------------------------------------- the calls */

int __wrap_close_range(unsigned first, unsigned last, int flags);
int
__wrap_close_range(unsigned first, unsigned last, int flags)
{
	(void)first;
	assert_int_equal(last, ~0U);
	assert_int_equal(flags, 0);
	return tricked("close_range", ANY) ? -1 : 0;
}

bool __wrap_descriptors_closed(unsigned first, unsigned end);
bool
__wrap_descriptors_closed(unsigned first, unsigned end)
{
	(void)first;
	assert_int_equal(end, DESCRIPTORS_END);
	errno = 0;
	return tricked("descriptors_closed", ANY) == WORKS;
}

bool __wrap_userns_has_one_user(void);
bool
__wrap_userns_has_one_user(void)
{
	return kernel.one_user;
}

#define IDS(type, what, ids)                                             \
	int __wrap_get##what(type *r, type *e, type *s);                 \
	int __wrap_get##what(type *r, type *e, type *s)                  \
	{                                                                \
		if (tricked("get" #what, ANY) > 0)                       \
			return -1;                                       \
		*r = kernel.ids[0] + (tricked(#what " is", 0) != WORKS); \
		*e = kernel.ids[1] + (tricked(#what " is", 1) != WORKS); \
		*s = kernel.ids[2] + (tricked(#what " is", 2) != WORKS); \
		return 0;                                                \
	}
IDS(uid_t, resuid, uid)
IDS(gid_t, resgid, gid)

int __wrap_getgroups(int n, gid_t *list);
int
__wrap_getgroups(int n, gid_t *list)
{
	assert_int_equal(n, 0);
	assert_null(list);
	return tricked("getgroups", ANY) ? -1 : kernel.groups;
}

int __wrap_setgroups(size_t n, const gid_t *list);
int
__wrap_setgroups(size_t n, const gid_t *list)
{
	int result;

	assert_null(list);
	if (trick_leaves("setgroups", ANY, &result))
		kernel.groups = (int)n;
	return result;
}

int __wrap_setresgid(gid_t r, gid_t e, gid_t s);
int
__wrap_setresgid(gid_t r, gid_t e, gid_t s)
{
	int result;

	if (trick_leaves("setresgid", ANY, &result)) {
		kernel.gid[0] = r;
		kernel.gid[1] = e;
		kernel.gid[2] = s;
	}
	return result;
}

/* Becoming root again goes as long as one of the three is root's. */
int __wrap_setresuid(uid_t r, uid_t e, uid_t s);
int
__wrap_setresuid(uid_t r, uid_t e, uid_t s)
{
	int result;

	if (r == (uid_t)-1 && kernel.uid[0] != 0 && kernel.uid[2] != 0) {
		assert_int_equal(e, 0);
		errno = EPERM;
		return tricked("return", ANY) == LIES ? 0 : -1;
	}
	if (trick_leaves("setresuid", e, &result)) {
		kernel.uid[1] = e;
		if (r != (uid_t)-1)
			kernel.uid[0] = kernel.uid[2] = s;
	}
	return result;
}

int __wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit);
int
__wrap_setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
	int result;

	if (trick_leaves("setrlimit", resource, &result))
		kernel.limit[resource] = *limit;
	return result;
}

int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit);
int
__wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
	*limit = kernel.limit[resource];
	return tricked("getrlimit", resource) ? -1 : 0;
}

/* Their names where off_t has 32 bits otherwise. */
int __wrap_setrlimit64(__rlimit_resource_t resource, const struct rlimit *limit)
    __attribute__((alias("__wrap_setrlimit")));
int __wrap_getrlimit64(__rlimit_resource_t resource, struct rlimit *limit)
    __attribute__((alias("__wrap_getrlimit")));

int __wrap_setitimer(__itimer_which_t which, const struct itimerval *timer,
    struct itimerval *old);
int
__wrap_setitimer(__itimer_which_t which, const struct itimerval *timer,
    struct itimerval *old)
{
	int result;

	assert_null(old);
	if (trick_leaves("setitimer", which, &result))
		kernel.timer = *timer;
	return result;
}

int __wrap_getitimer(__itimer_which_t which, struct itimerval *timer);
int
__wrap_getitimer(__itimer_which_t which, struct itimerval *timer)
{
	*timer = kernel.timer;
	return tricked("getitimer", which) ? -1 : 0;
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
	int *number;
	va_list list;

	switch (option) {
	case PR_SET_PDEATHSIG:
		return prctl_set(option, &kernel.death_signal, SIGKILL);
	case PR_SET_DUMPABLE:
		return prctl_set(option, &kernel.dumpable, 0);
	case PR_SET_NO_NEW_PRIVS:
		return prctl_set(option, &kernel.no_new_privileges, 1);
	case PR_GET_DUMPABLE:
		return kernel.dumpable;
	case PR_GET_NO_NEW_PRIVS:
		return kernel.no_new_privileges;
	default:
		assert_int_equal(option, PR_GET_PDEATHSIG);
	}
	va_start(list, option);
	number = va_arg(list, int *);
	va_end(list);
	*number = kernel.death_signal;
	return tricked("prctl", option) ? -1 : 0;
}

pid_t __wrap_getppid(void);
pid_t
__wrap_getppid(void)
{
	return tricked("getppid", ANY) ? 1 : MASTER;
}

long __wrap_syscall(long number, ...);
long
__wrap_syscall(long number, ...)
{
	struct __user_cap_data_struct *sets;
	va_list list;
	int result;

	if (number == SYS_getppid) {
		errno = ENODATA;
		return kernel.loaded && !tricked("answer", ANY) ? -1 : MASTER;
	}
	if (number == SYS_capset) {
		if (trick_leaves("capset", ANY, &result))
			kernel.capable = false;
		return result;
	}
	assert_int_equal(number, SYS_capget);
	va_start(list, number);
	(void)va_arg(list, void *);
	sets = va_arg(list, struct __user_cap_data_struct *);
	va_end(list);
	memset(sets, 0, 2 * sizeof(*sets));
	sets[1].permitted = kernel.capable; /* one of the last */
	return tricked("capget", ANY) ? -1 : 0;
}

/* --------------------------------------------------------------- libseccomp */

scmp_filter_ctx __wrap_seccomp_init(uint32_t action);
scmp_filter_ctx
__wrap_seccomp_init(uint32_t action)
{
	assert_int_equal(action, SCMP_ACT_KILL_PROCESS);
	if (tricked("seccomp_init", ANY))
		return NULL;
	kernel.contexts++;
	return &kernel;
}

int __wrap_seccomp_attr_set(
    scmp_filter_ctx context, enum scmp_filter_attr what, uint32_t value);
int
__wrap_seccomp_attr_set(
    scmp_filter_ctx context, enum scmp_filter_attr what, uint32_t value)
{
	assert_ptr_equal(context, &kernel);
	assert_int_equal(what, SCMP_FLTATR_API_SYSRAWRC);
	assert_int_equal(value, 1);
	return -tricked("seccomp_attr_set", ANY);
}

int __wrap_seccomp_rule_add(scmp_filter_ctx context, uint32_t action, int call,
    unsigned arguments, ...);
int
__wrap_seccomp_rule_add(
    scmp_filter_ctx context, uint32_t action, int call, unsigned arguments, ...)
{
	assert_ptr_equal(context, &kernel);
	if (call == SCMP_SYS(getppid))
		assert_int_equal(action, SCMP_ACT_ERRNO(ENODATA));
	else
		assert_int_equal(action, SCMP_ACT_ALLOW);
	/* Nothing is mapped to be executed. */
	assert_int_equal(
	    arguments, call == SCMP_SYS(mmap) || call == SCMP_SYS(mmap2));
	kernel.rules++;
	return -tricked("seccomp_rule_add", call);
}

int __wrap_seccomp_load(scmp_filter_ctx context);
int
__wrap_seccomp_load(scmp_filter_ctx context)
{
	int how = tricked("seccomp_load", ANY);

	assert_ptr_equal(context, &kernel);
	kernel.loaded = how == WORKS;
	return how > 0 ? -how : 0;
}

/* It may change errno. */
void __wrap_seccomp_release(scmp_filter_ctx context);
void
__wrap_seccomp_release(scmp_filter_ctx context)
{
	assert_ptr_equal(context, &kernel);
	kernel.contexts--;
	errno = EBADF;
}
