/* Signals by a pid that may be a lie, and rows of the pid page that are one:
 * master/system/child.c, master/generations/spawners.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "master/system/child.h"
#include "master/generations/spawners.h"

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
a_row_that_cannot_be_is_an_error(void **state)
{
	static const struct {
		int32_t row, read;
	} cases[] = {
		{ 0, 0 }, { 1, 1 }, { 4711, 4711 }, { INT32_MAX, INT32_MAX },
		{ -1, -1 }, { -EAGAIN, -EAGAIN }, { -4095, -4095 },
		{ -4096, -EPROTO }, { INT32_MIN, -EPROTO },
		{ 77, -EPROTO }, /* a spawner */
		{ 78, -EPROTO }, /* one on trial */
		{ 79, 79 }, /* a spawner that was forgotten */
	};
	struct spawners spawners;
	size_t i;

	(void)state;
	assert_null(spawners_init(&spawners, -1, -1));
	spawners.list[0].state = SPAWNER_CURRENT;
	spawners.list[0].pid = 77;
	spawners.list[SPAWNERS_MAX - 1].state = SPAWNER_TRIAL;
	spawners.list[SPAWNERS_MAX - 1].pid = 78;
	spawners.list[1].pid = 79;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		spawners.page[5] = cases[i].row;
		assert_int_equal(spawners_page(&spawners, 5), cases[i].read);
	}
	munmap(spawners.page, PLAN_PAGE_BYTES);
	close(spawners.page_fd);
}

/* As by a row of the page that named it before it was there. */
static void
a_spawner_reaped_as_a_client_is_gone(void **state)
{
	struct spawners spawners;
	pid_t child = fork();

	(void)state;
	if (child == 0)
		_exit(0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	assert_null(spawners_init(&spawners, -1, -1));
	spawners.current = 0;
	spawners.list[0].state = SPAWNER_CURRENT;
	spawners.list[0].pid = child;
	spawners_reap(&spawners);
	assert_int_equal(spawners.current, -1);
	assert_int_equal(spawners.list[0].pid, -1);
	munmap(spawners.page, PLAN_PAGE_BYTES);
	close(spawners.page_fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_children_are_signalled),
		cmocka_unit_test(an_ended_child_is_left_to_be_reaped),
		cmocka_unit_test(a_row_that_cannot_be_is_an_error),
		cmocka_unit_test(a_spawner_reaped_as_a_client_is_gone),
	};

	return cmocka_run_group_tests_name("child", tests, NULL, NULL);
}
