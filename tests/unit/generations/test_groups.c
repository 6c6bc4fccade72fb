/* Who is in a spawner's process group, whom a row of its page may name, and how
 * all of it ends: master/generations/groups.c, strays.c, spawners.c. */
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
#include <stdbool.h>
#include <unistd.h>

#include "master/generations/groups.h"
#include "master/generations/spawners.h"
#include "master/generations/strays.h"
#include "master/system/clock.h"

#define PATIENCE_MS 10000

/* A child of ours in the group of that number, 0: in one that it leads. */
static pid_t
child_in(pid_t group)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0)
		for (;;)
			pause();
	assert_int_equal(setpgid(pid, group), 0);
	return pid;
}

/* It has ended, and is not reaped. */
static void
kill_child(pid_t pid)
{
	siginfo_t info;

	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(
	    waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
}

static void
reap(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static bool
is_child(pid_t pid)
{
	siginfo_t info;

	return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) ==
	    0;
}

static void
assert_no_child_is_left(void)
{
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

/* What was killed is reaped. */
static void
settle(struct groups *groups)
{
	int ms;

	for (ms = 0; groups_wakeup(groups) != CLOCK_NEVER && ms < PATIENCE_MS;
	     ms++) {
		groups_step(groups, clock_now());
		usleep(1000);
	}
	assert_true(groups_wakeup(groups) == CLOCK_NEVER);
}

/* ------------------------------------------------------------------ who leads */

static void
test_c4_only_a_leader_has_a_group(void **state)
{
	struct groups groups;
	pid_t leader = child_in(0), member = child_in(leader);
	uint32_t index;

	(void)state;
	assert_int_equal(groups_init(&groups), 0);
	assert_int_equal(groups_add(&groups, member), GROUP_NONE);
	assert_int_equal(errno, 0);
	assert_int_equal(groups_add(&groups, getpgrp()), GROUP_NONE);
	assert_int_equal(groups_add(&groups, 0), GROUP_NONE);
	assert_int_equal(groups_add(&groups, 1), GROUP_NONE);
	assert_int_equal(groups_add(&groups, -leader), GROUP_NONE);
	index = groups_add(&groups, leader);
	assert_int_equal(index, 0);
	assert_int_equal(groups_find(&groups, leader), index);
	assert_int_equal(groups_find(&groups, member), GROUP_NONE);
	groups_end(&groups, index);
	settle(&groups);
	assert_int_equal(groups_find(&groups, leader), GROUP_NONE);
	/* Of a child whose group's leader is in another PID namespace. */
	assert_int_equal(groups_find(&groups, 0), GROUP_NONE);
	assert_int_equal(groups_find(&groups, -1), GROUP_NONE);
	assert_no_child_is_left();
	groups_free(&groups);
}

/* ----------------------------------------------------------- what is believed */

static void
test_c3_a_row_may_name_only_an_unknown_child_in_its_group(void **state)
{
	struct groups groups;
	pid_t leader = child_in(0), other = child_in(0);
	pid_t member = child_in(leader), theirs = child_in(other);
	pid_t gone = child_in(leader);
	uint32_t index;

	(void)state;
	assert_int_equal(groups_init(&groups), 0);
	index = groups_add(&groups, leader);
	reap(gone);
	assert_false(groups_believe(&groups, index, 0));
	assert_false(groups_believe(&groups, index, 1));
	assert_false(groups_believe(&groups, index, -1));
	assert_false(groups_believe(&groups, index, -member));
	assert_false(groups_believe(&groups, index, INT32_MAX));
	assert_false(groups_believe(&groups, index, INT32_MIN));
	assert_false(groups_believe(&groups, index, getpid()));
	assert_false(groups_believe(&groups, index, getppid()));
	assert_false(groups_believe(&groups, index, leader));
	assert_false(groups_believe(&groups, index, other));
	assert_false(groups_believe(&groups, index, theirs));
	assert_false(groups_believe(&groups, index, gone));
	assert_true(groups_believe(&groups, index, member));
	groups_know(&groups, index, member);
	assert_true(groups_is_known(&groups, member));
	assert_false(groups_believe(&groups, index, member));
	groups_end_all(&groups);
	settle(&groups);
	reap(theirs);
	reap(other);
	assert_no_child_is_left();
	groups_free(&groups);
}

static void
test_c3_a_row_that_cannot_be_is_an_error(void **state)
{
	static const struct {
		int32_t row, read;
	} cases[] = {
		{ 0, 0 }, { 1, -EPROTO }, { INT32_MAX, -EPROTO },
		{ -1, -1 }, { -EAGAIN, -EAGAIN }, { -4095, -4095 },
		{ -4096, -EPROTO }, { INT32_MIN, -EPROTO },
	};
	struct spawners spawners;
	struct spawner *spawner = &spawners.list[0];
	pid_t member;
	size_t i;

	(void)state;
	assert_null(spawners_init(&spawners, -1, -1));
	assert_int_equal(spawners_page_make(spawner), 0);
	spawner->pid = child_in(0);
	spawner->group = groups_add(&spawners.groups, spawner->pid);
	member = child_in(spawner->pid);
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		spawner->page[5] = cases[i].row;
		assert_int_equal(
		    spawners_row(&spawners, spawner, 5), cases[i].read);
	}
	spawner->page[5] = spawner->pid;
	assert_int_equal(spawners_row(&spawners, spawner, 5), -EPROTO);
	spawner->page[5] = member;
	assert_int_equal(spawners_row(&spawners, spawner, 5), member);
	spawner->state = SPAWNER_CURRENT;
	spawners_kill(&spawners);
	spawners_free(&spawners);
	assert_no_child_is_left();
}

/* Two pages: what is written to one is not in the other. */
static void
test_c3_each_spawner_has_a_page_of_its_own(void **state)
{
	struct spawners spawners;

	(void)state;
	assert_null(spawners_init(&spawners, -1, -1));
	assert_int_equal(spawners_page_make(&spawners.list[0]), 0);
	assert_int_equal(spawners_page_make(&spawners.list[1]), 0);
	spawners.list[0].page[PLAN_CANARY_SLOT] = 4711;
	assert_int_equal(spawners.list[1].page[PLAN_CANARY_SLOT], 0);
	spawners.list[0].state = spawners.list[1].state = SPAWNER_RETIRED;
	spawners_kill(&spawners);
	assert_null(spawners.list[0].page);
	spawners_free(&spawners);
}

/* --------------------------------------------------------------------- the end */

static void
test_c4_a_group_ends_with_its_last_known_client(void **state)
{
	struct groups groups;
	pid_t leader = child_in(0), other = child_in(0);
	pid_t first = child_in(leader), second = child_in(leader);
	pid_t untold = child_in(leader), zombie = child_in(leader);
	uint32_t index;
	int status;

	(void)state;
	assert_int_equal(groups_init(&groups), 0);
	index = groups_add(&groups, leader);
	groups_know(&groups, index, first);
	groups_know(&groups, index, second);
	kill_child(zombie);
	reap(leader);
	groups_close(&groups, index);
	kill_child(first);
	assert_int_equal(
	    groups_reap(&groups, index, first, &status, NULL), first);
	assert_int_equal(groups_reap(&groups, index, second, &status, NULL), 0);
	settle(&groups);
	assert_true(is_child(untold));
	kill_child(second);
	assert_int_equal(
	    groups_reap(&groups, index, second, &status, NULL), second);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	settle(&groups);
	assert_false(is_child(untold));
	assert_false(is_child(zombie));
	assert_true(is_child(other));
	assert_int_equal(groups_find(&groups, leader), GROUP_NONE);
	reap(other);
	assert_no_child_is_left();
	groups_free(&groups);
}

/* A group without clients ends when it is closed, and its row is used again. */
static void
test_c4_a_group_without_clients_ends_at_once(void **state)
{
	struct groups groups;
	pid_t leader = child_in(0), untold = child_in(leader);
	uint32_t index;

	(void)state;
	assert_int_equal(groups_init(&groups), 0);
	index = groups_add(&groups, leader);
	reap(leader);
	groups_close(&groups, index);
	settle(&groups);
	assert_false(is_child(untold));
	assert_no_child_is_left();
	leader = child_in(0);
	assert_int_equal(groups_add(&groups, leader), index);
	groups_end_all(&groups);
	settle(&groups);
	assert_no_child_is_left();
	groups_free(&groups);
}

/* Clients of an honest generation are left alone. */
static void
test_c4_a_purge_ends_groups_with_untold_children(void **state)
{
	struct groups groups;
	pid_t honest = child_in(0), bomb = child_in(0), client, known;
	uint32_t a, b;
	int status;

	(void)state;
	assert_int_equal(groups_init(&groups), 0);
	a = groups_add(&groups, honest);
	b = groups_add(&groups, bomb);
	client = child_in(honest);
	known = child_in(bomb);
	child_in(bomb);
	groups_know(&groups, a, client);
	groups_know(&groups, b, known);
	assert_int_equal(groups_purge(&groups), 0); /* they have a spawner */
	reap(honest);
	reap(bomb);
	groups_close(&groups, a);
	groups_close(&groups, b);
	if (groups_purge(&groups) == 0) {
		print_message("the kernel has no /proc/PID/task/TID/children\n");
		kill(known, SIGKILL);
	}
	while (groups_reap(&groups, b, known, &status, NULL) == 0)
		usleep(1000);
	settle(&groups);
	assert_int_equal(groups_find(&groups, bomb), GROUP_NONE);
	assert_true(is_child(client));
	groups_end_all(&groups);
	settle(&groups);
	assert_no_child_is_left();
	groups_free(&groups);
}

/* ---------------------------------------------------------------- after a crash */

/* It may still clone until it is dead; what it writes meanwhile is not read. */
static void
test_c1_rows_count_once_the_spawner_is_dead(void **state)
{
	struct spawners spawners;
	struct spawner *spawner = &spawners.list[0];
	const int64_t now = CLOCK_SECOND;
	struct handed handed;
	pid_t cloned;

	(void)state;
	assert_null(spawners_init(&spawners, -1, -1));
	assert_int_equal(spawners_page_make(spawner), 0);
	spawner->pid = child_in(0);
	spawner->group = groups_add(&spawners.groups, spawner->pid);
	cloned = child_in(spawner->pid);
	spawner->state = SPAWNER_RETIRED;
	spawner->doomed = true;
	spawner->progress = now;
	spawner->in_flight[0] = (struct in_flight) { 3, now };
	spawner->in_flight[1] = (struct in_flight) { 4, now };
	spawner->n = 2;
	spawner->page[3] = cloned;
	assert_false(spawners_next(&spawners, now, &handed));
	kill_child(spawner->pid);
	spawners_reap(&spawners, now);
	assert_true(spawners_next(&spawners, now, &handed));
	assert_int_equal(handed.slot, 3);
	assert_int_equal(handed.pid, cloned);
	assert_true(spawners_next(&spawners, now, &handed));
	assert_int_equal(handed.slot, 4);
	assert_int_equal(handed.pid, 0);
	assert_int_equal(handed.error, 0);
	assert_false(spawners_next(&spawners, now, &handed));
	spawners_kill(&spawners);
	spawners_free(&spawners);
	assert_no_child_is_left();
}

/* ---------------------------------------------------------------------- strays */

static void
test_c4_strays_are_reaped_and_their_spawner_replaced(void **state)
{
	struct spawners spawners;
	struct spawner *spawner = &spawners.list[0];
	pid_t known, stray, reader;

	(void)state;
	assert_null(spawners_init(&spawners, -1, -1));
	assert_int_equal(spawners_page_make(spawner), 0);
	spawner->pid = child_in(0);
	spawner->group = groups_add(&spawners.groups, spawner->pid);
	spawner->state = SPAWNER_CURRENT;
	spawners.current = 0;
	known = child_in(spawner->pid);
	groups_know(&spawners.groups, spawner->group, known);
	reader = child_in(getpgrp());
	stray = child_in(spawner->pid);
	kill_child(reader);
	kill_child(stray);
	strays_step(&spawners, CLOCK_SECOND);
	assert_true(is_child(stray)); /* nobody said that a child has ended */
	strays_hint(&spawners);
	strays_step(&spawners, CLOCK_SECOND);
	assert_false(is_child(stray));
	assert_true(is_child(known));
	assert_true(is_child(reader));
	assert_int_equal(spawners.current, -1);
	assert_true(spawner->doomed);
	reap(reader);
	spawners_kill(&spawners);
	spawners_free(&spawners);
	assert_no_child_is_left();
}

/* What a hand-over has not looked at yet is none. */
static void
test_c4_a_child_on_its_way_is_no_stray(void **state)
{
	struct spawners spawners;
	struct spawner *spawner = &spawners.list[0];
	pid_t child;

	(void)state;
	assert_null(spawners_init(&spawners, -1, -1));
	assert_int_equal(spawners_page_make(spawner), 0);
	spawner->pid = child_in(0);
	spawner->group = groups_add(&spawners.groups, spawner->pid);
	spawner->state = SPAWNER_CURRENT;
	child = child_in(spawner->pid);
	spawner->in_flight[0] = (struct in_flight) { 3, CLOCK_SECOND };
	spawner->n = 1;
	spawner->page[3] = child;
	kill_child(child);
	strays_hint(&spawners);
	strays_step(&spawners, CLOCK_SECOND);
	assert_true(is_child(child));
	assert_false(spawner->doomed);
	spawners_kill(&spawners);
	spawners_free(&spawners);
	assert_no_child_is_left();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c4_only_a_leader_has_a_group),
		cmocka_unit_test(
		    test_c3_a_row_may_name_only_an_unknown_child_in_its_group),
		cmocka_unit_test(test_c3_a_row_that_cannot_be_is_an_error),
		cmocka_unit_test(test_c3_each_spawner_has_a_page_of_its_own),
		cmocka_unit_test(test_c4_a_group_ends_with_its_last_known_client),
		cmocka_unit_test(test_c4_a_group_without_clients_ends_at_once),
		cmocka_unit_test(test_c4_a_purge_ends_groups_with_untold_children),
		cmocka_unit_test(test_c1_rows_count_once_the_spawner_is_dead),
		cmocka_unit_test(
		    test_c4_strays_are_reaped_and_their_spawner_replaced),
		cmocka_unit_test(test_c4_a_child_on_its_way_is_no_stray),
	};

	return cmocka_run_group_tests_name("groups", tests, NULL, NULL);
}
