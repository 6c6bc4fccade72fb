/* Each step into the cage fails, or goes through without an effect:
 * reader/cage.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>

#include "reader/cage.h"
#include "shared/widened.h"
#include "unit/reader/caged.h"

#define NOBODY 65534
#define USER 1000
#define SECONDS 5

static const struct row {
	struct trick trick;
	const char *step;
	int error; /* 0: the step had no effect */
} rows[] = {
	{ { "close_range", ANY, ENOMEM, 0 }, "close_range", ENOMEM },
	{ { "descriptors_closed", ANY, LIES, 0 }, "close_range", 0 },
	{ { "getresuid", ANY, EFAULT, 0 }, "getresuid", EFAULT },
	{ { "setgroups", ANY, EPERM, 0 }, "setgroups", EPERM },
	{ { "setgroups", ANY, LIES, 0 }, "setgroups", 0 },
	{ { "getgroups", ANY, EFAULT, 0 }, "setgroups", 0 },
	{ { "setresgid", ANY, EAGAIN, 0 }, "setresgid", EAGAIN },
	{ { "setresgid", ANY, LIES, 0 }, "setresgid", 0 },
	{ { "resgid is", 0, LIES, 0 }, "setresgid", 0 },
	{ { "resgid is", 1, LIES, 0 }, "setresgid", 0 },
	{ { "resgid is", 2, LIES, 0 }, "setresgid", 0 },
	{ { "getresgid", ANY, EFAULT, 0 }, "getresuid", EFAULT },
	{ { "setresuid", NOBODY, EAGAIN, 0 }, "setresuid", EAGAIN },
	{ { "setresuid", NOBODY, LIES, 0 }, "setresuid", 0 },
	{ { "resuid is", 0, LIES, 1 }, "setresuid", 0 },
	{ { "resuid is", 1, LIES, 1 }, "setresuid", 0 },
	{ { "resuid is", 2, LIES, 1 }, "setresuid", 0 },
	{ { "getresuid", ANY, EFAULT, 1 }, "getresuid", EFAULT },
	{ { "return", ANY, LIES, 0 }, "setresuid", 0 },
	{ { "capset", ANY, EPERM, 0 }, "capset", EPERM },
	{ { "capset", ANY, LIES, 0 }, "capset", 0 },
	{ { "capget", ANY, EINVAL, 0 }, "capget", EINVAL },
	{ { "getrlimit", RLIMIT_CORE, EINVAL, 0 }, "RLIMIT_CORE", EINVAL },
	{ { "getrlimit", RLIMIT_CORE, EINVAL, 1 }, "RLIMIT_CORE", EINVAL },
	{ { "setrlimit", RLIMIT_CORE, LIES, 0 }, "RLIMIT_CORE", 0 },
	{ { "setrlimit", RLIMIT_NPROC, EPERM, 0 }, "RLIMIT_NPROC", EPERM },
	{ { "setrlimit", RLIMIT_MEMLOCK, LIES, 0 }, "RLIMIT_MEMLOCK", 0 },
	{ { "setrlimit", RLIMIT_MSGQUEUE, LIES, 0 }, "RLIMIT_MSGQUEUE", 0 },
	{ { "setrlimit", RLIMIT_NOFILE, LIES, 0 }, "RLIMIT_NOFILE", 0 },
	{ { "setrlimit", RLIMIT_CPU, EINVAL, 0 }, "RLIMIT_CPU", EINVAL },
	{ { "setrlimit", RLIMIT_CPU, LIES, 0 }, "RLIMIT_CPU", 0 },
	{ { "setitimer", ANY, EINVAL, 0 }, "setitimer", EINVAL },
	{ { "setitimer", ANY, LIES, 0 }, "setitimer", 0 },
	{ { "getitimer", ANY, EFAULT, 0 }, "setitimer", 0 },
	{ { "prctl", PR_SET_PDEATHSIG, EINVAL, 0 }, "PR_SET_PDEATHSIG",
	    EINVAL },
	{ { "prctl", PR_SET_PDEATHSIG, LIES, 0 }, "PR_SET_PDEATHSIG", 0 },
	{ { "prctl", PR_GET_PDEATHSIG, EFAULT, 0 }, "PR_SET_PDEATHSIG", 0 },
	{ { "getppid", ANY, LIES, 0 }, "the master is gone", ESRCH },
	{ { "prctl", PR_SET_DUMPABLE, EINVAL, 0 }, "PR_SET_DUMPABLE", EINVAL },
	{ { "prctl", PR_SET_DUMPABLE, LIES, 0 }, "PR_SET_DUMPABLE", 0 },
	{ { "prctl", PR_SET_NO_NEW_PRIVS, EINVAL, 0 }, "PR_SET_NO_NEW_PRIVS",
	    EINVAL },
	{ { "prctl", PR_SET_NO_NEW_PRIVS, LIES, 0 }, "PR_SET_NO_NEW_PRIVS", 0 },
};

/* Those of the filter; and of the limits that go with it. */
static const struct row not_widened[] = {
	{ { "setrlimit", RLIMIT_FSIZE, LIES, 0 }, "RLIMIT_FSIZE", 0 },
	{ { "setrlimit", RLIMIT_AS, EPERM, 0 }, "RLIMIT_AS", EPERM },
	{ { "seccomp_init", ANY, ENOMEM, 0 }, "seccomp_init", ENOMEM },
	{ { "seccomp_init", ANY, EINVAL, 0 }, "seccomp_init", ENOSYS },
	{ { "seccomp_attr_set", ANY, EACCES, 0 }, "seccomp_attr_set", EACCES },
	{ { "seccomp_rule_add", SCMP_SYS(brk), ENOMEM, 0 }, "brk", ENOMEM },
	{ { "seccomp_rule_add", SCMP_SYS(exit_group), EEXIST, 0 }, "exit_group",
	    EEXIST },
	{ { "seccomp_rule_add", SCMP_SYS(getppid), ENOMEM, 0 }, "getppid",
	    ENOMEM },
	{ { "seccomp_load", ANY, EFAULT, 0 }, "seccomp_load", EFAULT },
	{ { "seccomp_load", ANY, LIES, 0 }, "seccomp_load", 0 },
	{ { "answer", ANY, LIES, 0 }, "seccomp_load", 0 },
};

static const char *
enter(uid_t real, uid_t effective, const struct trick *trick)
{
	size_t i;

	kernel = (struct kernel){ .uid = { real, effective, real },
		.groups = 3,
		.capable = true,
		.dumpable = 1 };
	for (i = 0; i < RLIM_NLIMITS; i++)
		kernel.limit[i] =
		    (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	trick_set(trick);
	errno = 0;
	return cage_enter(MASTER, SECONDS);
}

static void
try_all(const struct row *row, const struct row *end)
{
	const char *step;
	int error;

	for (; row < end; row++) {
		print_message("# %s %ld: %d\n", row->trick.call,
		    row->trick.argument, row->trick.result);
		step = enter(0, 0, &row->trick);
		error = errno;
		assert_true(trick_is_done());
		assert_non_null(step);
		assert_string_equal(step, row->step);
		assert_int_equal(error, row->error);
		assert_int_equal(kernel.contexts, 0);
	}
}

static void
each_step_fails(void **state)
{
	(void)state;
	try_all(rows, rows + sizeof(rows) / sizeof(rows[0]));
	if (!WIDENED_PARSER)
		try_all(not_widened,
		    not_widened + sizeof(not_widened) / sizeof(not_widened[0]));
}

static void
is_nobody(uid_t uid)
{
	assert_int_equal(kernel.uid[0], uid);
	assert_int_equal(kernel.uid[1], uid);
	assert_int_equal(kernel.uid[2], uid);
	assert_false(kernel.capable);
	assert_int_equal(kernel.limit[RLIMIT_NPROC].rlim_max, 0);
	assert_int_equal(kernel.limit[RLIMIT_CPU].rlim_cur, SECONDS);
	assert_int_equal(kernel.limit[RLIMIT_CPU].rlim_max, SECONDS + 1);
	assert_int_equal(kernel.loaded, !WIDENED_PARSER);
	assert_int_equal(kernel.contexts, 0);
}

static void
whoever_started(void **state)
{
	static const struct trick borrowed = { "setresuid", 0, EPERM, 0 };

	(void)state;
	assert_null(enter(0, 0, NULL));
	is_nobody(NOBODY);
	assert_int_equal(kernel.groups, 0);
	/* Root is behind another user: it is left too. */
	assert_null(enter(0, USER, NULL));
	is_nobody(NOBODY);
	assert_string_equal(enter(0, USER, &borrowed), "setresuid");
	assert_int_equal(errno, EPERM);
	/* An ordinary user stays. */
	assert_null(enter(USER, USER, NULL));
	is_nobody(USER);
	assert_int_equal(kernel.groups, 3);
}

/* What is lower already stays so. */
static void
lower_limits_stay(void **state)
{
	(void)state;
	if (WIDENED_PARSER_LIMITS)
		skip();
	assert_null(enter(0, 0, NULL));
	assert_int_equal(kernel.limit[RLIMIT_AS].rlim_max, 512 << 20);
	kernel.uid[0] = kernel.uid[1] = kernel.uid[2] = USER;
	kernel.limit[RLIMIT_AS] = (struct rlimit){ 1 << 20, 2 << 20 };
	kernel.limit[RLIMIT_CPU] = (struct rlimit){ 1, 1 };
	assert_null(cage_enter(MASTER, SECONDS));
	assert_int_equal(kernel.limit[RLIMIT_AS].rlim_cur, 1 << 20);
	assert_int_equal(kernel.limit[RLIMIT_AS].rlim_max, 2 << 20);
	assert_int_equal(kernel.limit[RLIMIT_CPU].rlim_max, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_fails),
		cmocka_unit_test(whoever_started),
		cmocka_unit_test(lower_limits_stay),
	};

	return cmocka_run_group_tests_name("cage", tests, NULL, NULL);
}
