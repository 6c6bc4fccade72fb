/* Each step of a spawner's lockdown fails, goes through without an effect, or
 * cannot be answered for a shortage: spawner/lockdown.c and spawner/proof.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/resource.h>

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "shared/plan.h"
#include "spawner/lockdown.h"
#include "unit/spawner/played.h"

static const struct plan plan = { .sandbox = PLAN_SANDBOX_REQUIRED,
	.descriptors = 2 };

#define LANDLOCK "landlock_restrict_self"
#define OF_CHILD "client child: "

static const struct row {
	struct trick trick;
	const char *step; /* that lockdown() names; NULL: it goes on */
	int error; /* its errno; 0: the step had no effect */
} rows[] = {
	{ { "setrlimit", RLIMIT_CORE, EPERM, 0 }, "RLIMIT_CORE", EPERM },
	{ { "setrlimit", RLIMIT_CORE, LIES, 0 }, "RLIMIT_CORE", 0 },
	{ { "getrlimit", RLIMIT_CORE, LIES, 0 }, "RLIMIT_CORE", 0 },
	{ { "getrlimit", RLIMIT_CORE, EINVAL, 0 }, "RLIMIT_CORE", 0 },
	{ { "setrlimit", RLIMIT_FSIZE, LIES, 0 }, "RLIMIT_FSIZE", 0 },
	{ { "setrlimit", RLIMIT_MEMLOCK, LIES, 0 }, "RLIMIT_MEMLOCK", 0 },
	{ { "setrlimit", RLIMIT_MSGQUEUE, EPERM, 0 }, "RLIMIT_MSGQUEUE",
	    EPERM },
	{ { "setrlimit", RLIMIT_STACK, LIES, 0 }, "RLIMIT_STACK", 0 },
	{ { "setrlimit", RLIMIT_NOFILE, EPERM, 0 }, "RLIMIT_NOFILE", EPERM },
	{ { "getrlimit", RLIMIT_NOFILE, LIES, 0 }, "RLIMIT_NOFILE", 0 },
	{ { "capget", ANY, EINVAL, 0 }, "capabilities", EINVAL },
	{ { "capget", ANY, LIES, 0 }, "capabilities", 0 },
	{ { "prctl", PR_SET_DUMPABLE, EINVAL, 0 }, "prctl PR_SET_DUMPABLE",
	    EINVAL },
	{ { "prctl", PR_SET_DUMPABLE, LIES, 0 }, "prctl PR_SET_DUMPABLE", 0 },
	{ { "prctl", PR_GET_DUMPABLE, EINVAL, 0 }, "prctl PR_SET_DUMPABLE", 0 },
	{ { "prctl", PR_SET_NO_NEW_PRIVS, EINVAL, 0 },
	    "prctl PR_SET_NO_NEW_PRIVS", EINVAL },
	{ { "prctl", PR_SET_NO_NEW_PRIVS, LIES, 0 },
	    "prctl PR_SET_NO_NEW_PRIVS", 0 },
	{ { "landlock_create_ruleset", ANY, ENOMEM, 0 }, LANDLOCK, ENOMEM },
	{ { LANDLOCK, ANY, E2BIG, 0 }, LANDLOCK, E2BIG },
	{ { LANDLOCK, ANY, LIES, 0 }, LANDLOCK, 0 },
	{ { "open", ANY, LIES, 0 }, LANDLOCK, 0 },
	{ { "open", ANY, ENOENT, 0 }, LANDLOCK, 0 },
	{ { "open", ANY, ENFILE, 0 }, LANDLOCK, ENFILE },
	{ { "open", ANY, EIO, 0 }, LANDLOCK, EIO },
	{ { "socket", ANY, EMFILE, 0 }, LANDLOCK, EMFILE },
	{ { "socket", ANY, ENOBUFS, 0 }, LANDLOCK, ENOBUFS },
	{ { "socket", ANY, EPERM, 0 }, LANDLOCK, 0 },
	{ { "socket", ANY, EAFNOSUPPORT, 0 }, NULL, 0 }, /* no IPv4 */
	{ { "connect", ANY, LIES, 0 }, LANDLOCK, 0 },
	{ { "connect", ANY, ECONNREFUSED, 0 }, LANDLOCK, 0 },
	{ { "bind", ANY, LIES, 0 }, LANDLOCK, 0 },
	{ { "bind", ANY, EADDRINUSE, 0 }, LANDLOCK, 0 },
	{ { "kill", ANY, LIES, 0 }, LANDLOCK, 0 },
	{ { "kill", ANY, ESRCH, 0 }, LANDLOCK, 0 },
	{ { "fork", ANY, EAGAIN, 0 }, "fork", EAGAIN },
	{ { "waitpid", ANY, EINTR, 0 }, NULL, 0 },
	{ { "waitpid", ANY, ECHILD, 0 }, "waitpid", ECHILD },
	{ { "waitpid", ANY, LIES, 0 }, OF_CHILD "limits", 0 },
	{ { "dup2", 0, EMFILE, 0 }, OF_CHILD "limits", 0 },
	{ { "dup2", 1, EMFILE, 0 }, OF_CHILD "limits", 0 },
	{ { "prlimit64", RLIMIT_NPROC, EPERM, 0 }, OF_CHILD "limits", 0 },
	{ { "prlimit64", RLIMIT_NPROC, LIES, 0 }, OF_CHILD "RLIMIT_NPROC", 0 },
	{ { "fork of the child", ANY, LIES, 0 }, OF_CHILD "RLIMIT_NPROC", 0 },
	{ { "fork of the child", ANY, ENOMEM, 0 }, OF_CHILD "limits", ENOMEM },
	{ { "prlimit64", RLIMIT_CPU, EPERM, 0 }, OF_CHILD "limits", 0 },
	{ { "prlimit64", RLIMIT_CPU, LIES, 0 }, OF_CHILD "RLIMIT_CPU", 0 },
	{ { "getrlimit", RLIMIT_CPU, LIES, 0 }, OF_CHILD "RLIMIT_CPU", 0 },
	{ { "getrlimit", RLIMIT_CPU, EINVAL, 0 }, OF_CHILD "RLIMIT_CPU", 0 },
	{ { "setitimer", ANY, EINVAL, 0 }, OF_CHILD "limits", 0 },
	{ { "setitimer", ANY, LIES, 0 }, OF_CHILD "setitimer", 0 },
	{ { "getitimer", ANY, EINVAL, 0 }, OF_CHILD "setitimer", 0 },
	{ { "prctl", PR_SET_PDEATHSIG, EINVAL, 0 },
	    OF_CHILD "prctl PR_SET_PDEATHSIG", 0 },
	{ { "prctl", PR_SET_PDEATHSIG, LIES, 0 },
	    OF_CHILD "prctl PR_SET_PDEATHSIG", 0 },
	{ { "prctl", PR_GET_PDEATHSIG, EINVAL, 0 },
	    OF_CHILD "prctl PR_SET_PDEATHSIG", 0 },
	{ { "dup", ANY, LIES, 0 }, OF_CHILD "RLIMIT_NOFILE", 0 },
	{ { "dup", ANY, ENOMEM, 0 }, OF_CHILD "limits", ENOMEM },
	{ { "dup", ANY, EBADF, 0 }, OF_CHILD "RLIMIT_NOFILE", 0 },
	{ { "sigprocmask", ANY, EINVAL, 0 }, "sigprocmask", EINVAL },
	{ { "sigprocmask", ANY, LIES, 0 }, "sigprocmask", 0 },
};

/* Of a kernel with that Landlock ABI, and one call tricked. */
static const char *
lock(int abi, const struct trick *trick)
{
	size_t i;

	memset(&kernel, 0, sizeof(kernel));
	kernel.abi = abi;
	kernel.dumpable = 1;
	for (i = 0; i < RLIM_NLIMITS; i++)
		kernel.limit[i] =
		    (struct rlimit){ RLIM_INFINITY, RLIM_INFINITY };
	trick_set(trick);
	return lockdown(&plan);
}

/* What it names of a failure is what failed, and nothing stays open. */
static void
each_step_fails(void **state)
{
	const struct row *row = rows,
			 *end = rows + sizeof(rows) / sizeof(*rows);
	const char *step;
	int error;

	(void)state;
	for (; row < end; row++) {
		print_message("# %s %ld: %d\n", row->trick.call,
		    row->trick.argument, row->trick.result);
		errno = 0;
		step = lock(6, &row->trick);
		error = errno;
		if (row->step == NULL) {
			assert_null(step);
		} else {
			assert_non_null(step);
			assert_string_equal(step, row->step);
			assert_int_equal(error, row->error);
		}
		assert_int_equal(kernel.open, 0);
	}
}

/* All that a kernel can deny, for what is asked of an older one it refuses. */
static void
each_kernel(void **state)
{
	static const struct {
		uint64_t files, net, scoped;
		size_t size;
	} kernels[] = {
		{ 0, 0, 0, 0 },
		{ 0x1fff, 0, 0, 8 },
		{ 0x3fff, 0, 0, 8 },
		{ 0x7fff, 0, 0, 8 },
		{ 0x7fff, 3, 0, 16 },
		{ 0xffff, 3, 0, 16 },
		{ 0xffff, 3, 3, 24 },
		{ 0xffff, 3, 3, 24 },
	};
	int abi;

	(void)state;
	for (abi = 0; abi < 8; abi++) {
		assert_null(lock(abi, NULL));
		assert_int_equal(kernel.rules_size, kernels[abi].size);
		assert_int_equal(
		    kernel.rules.handled_access_fs, kernels[abi].files);
		assert_int_equal(
		    kernel.rules.handled_access_net, kernels[abi].net);
		assert_int_equal(kernel.rules.scoped, kernels[abi].scoped);
		assert_int_equal(kernel.restricted, abi > 0);
		assert_int_equal(kernel.open, 0);
	}
}

/* Only the limits are set where there is no sandbox. */
static void
without_sandbox(void **state)
{
	static const struct plan off = { .sandbox = PLAN_SANDBOX_OFF,
		.descriptors = 1 };

	(void)state;
	assert_null(lock(6, NULL));
	kernel.restricted = false;
	kernel.no_new_privileges = 0;
	assert_null(lockdown(&off));
	assert_int_equal(kernel.limit[RLIMIT_NOFILE].rlim_max, 1);
	assert_int_equal(kernel.limit[RLIMIT_CORE].rlim_max, 0);
	assert_false(kernel.restricted);
	assert_int_equal(kernel.no_new_privileges, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_fails),
		cmocka_unit_test(each_kernel),
		cmocka_unit_test(without_sandbox),
	};

	return cmocka_run_group_tests_name("steps", tests, NULL, NULL);
}
