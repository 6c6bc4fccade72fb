/* Signals by a pid that may be a lie: master/system/child.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "master/system/child.h"

static void
refuses(pid_t pid)
{
	/* Nobody is hurt by SIGURG, should it be sent. */
	errno = 0;
	assert_int_equal(child_signal(pid, SIGURG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
only_children_are_signalled(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	if (child == 0)
		for (;;)
			pause();
	assert_true(child > 0);
	refuses(0);
	refuses(-1);
	refuses(-child);
	refuses(1);
	refuses(getpid());
	refuses(getppid());
	refuses(INT32_MAX);
	refuses(INT32_MIN);
	assert_int_equal(child_signal(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	refuses(child);
}

/* One that has ended still has its pid, and can still be reaped. */
static void
an_ended_child_is_left_to_be_reaped(void **state)
{
	pid_t child = fork();
	siginfo_t info;
	int status;

	(void)state;
	if (child == 0)
		_exit(7);
	assert_int_equal(
	    waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
	assert_int_equal(child_signal(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void
an_end_is_waited_for(void **state)
{
	pid_t child = fork();

	(void)state;
	if (child == 0)
		for (;;)
			pause();
	assert_true(child_is_ours(child));
	assert_true(child_end(child));
	assert_false(child_is_ours(child));
	assert_true(child_end(child));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_children_are_signalled),
		cmocka_unit_test(an_ended_child_is_left_to_be_reaped),
		cmocka_unit_test(an_end_is_waited_for),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
