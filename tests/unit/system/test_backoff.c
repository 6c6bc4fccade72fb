/* Waiting for a resource: longer and longer, never long. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "master/system/backoff.h"
#include "master/system/clock.h"
#include "master/system/log.h"

static void
waits_double_up_to_the_longest(void **state)
{
	struct backoff backoff = BACKOFF_NONE;
	int64_t now = CLOCK_SECOND, want = BACKOFF_FIRST_MS;
	int i;

	(void)state;
	assert_false(backoff_waits(&backoff));
	for (i = 0; i < 20; i++) {
		backoff_fail(&backoff, "test", EMFILE, now);
		assert_int_equal(backoff.until, now + want * CLOCK_MS);
		backoff_step(&backoff, backoff.until - 1);
		assert_true(backoff_waits(&backoff));
		now = backoff.until;
		backoff_step(&backoff, now);
		assert_false(backoff_waits(&backoff));
		want = want * 2 > BACKOFF_LONGEST_MS ? BACKOFF_LONGEST_MS :
						       want * 2;
	}
}

static void
failures_at_one_time_count_once(void **state)
{
	struct backoff backoff = BACKOFF_NONE;
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		backoff_fail(&backoff, "test", EAGAIN, CLOCK_SECOND);
	assert_int_equal(
	    backoff.until, CLOCK_SECOND + BACKOFF_FIRST_MS * CLOCK_MS);
}

static void
success_starts_anew(void **state)
{
	struct backoff backoff = BACKOFF_NONE;
	int64_t now = CLOCK_SECOND;

	(void)state;
	backoff_fail(&backoff, "test", EMFILE, now);
	backoff_fail(&backoff, "other", EMFILE, backoff.until);
	assert_string_equal(backoff.said, "test"); /* which works again */
	backoff_succeed(&backoff);
	assert_null(backoff.said);
	assert_false(backoff_waits(&backoff));
	backoff_fail(&backoff, "test", EMFILE, now);
	assert_int_equal(backoff.until, now + BACKOFF_FIRST_MS * CLOCK_MS);
}

/* A pause that nobody looked at while it ended is still a deadline. */
static void
test_b16_a_pause_is_not_slept_through(void **state)
{
	struct backoff backoff = BACKOFF_NONE;
	int64_t now = CLOCK_SECOND;

	(void)state;
	backoff_fail(&backoff, "test", EMFILE, now);
	now = backoff.until + 100 * CLOCK_SECOND;
	assert_true(backoff_waits(&backoff));
	assert_true(backoff.until < now);
	backoff_step(&backoff, now);
	assert_false(backoff_waits(&backoff));
	assert_int_equal(backoff.until, CLOCK_NEVER);
}

/* It is no success: the next failure's pause is longer still. */
static void
a_pause_can_be_cut_short(void **state)
{
	struct backoff backoff = BACKOFF_NONE;
	int64_t now = CLOCK_SECOND;

	(void)state;
	backoff_hasten(&backoff); /* nobody waits */
	assert_int_equal(backoff.until, CLOCK_NEVER);
	backoff_fail(&backoff, "test", EAGAIN, now);
	backoff_hasten(&backoff);
	assert_true(backoff.until <= now);
	backoff_step(&backoff, now);
	assert_false(backoff_waits(&backoff));
	backoff_fail(&backoff, "test", EAGAIN, now);
	assert_int_equal(
	    backoff.until, now + 2 * BACKOFF_FIRST_MS * CLOCK_MS);
}

static void
limited_lines_are_counted(void **state)
{
	struct log_limit limit = { 0 };
	uint64_t suppressed = 99;

	(void)state;
	assert_true(log_limit_pass(&limit, 1000, 500, &suppressed));
	assert_int_equal(suppressed, 0);
	assert_false(log_limit_pass(&limit, 1001, 500, &suppressed));
	assert_false(log_limit_pass(&limit, 1499, 500, &suppressed));
	assert_true(log_limit_pass(&limit, 1500, 500, &suppressed));
	assert_int_equal(suppressed, 2);
	assert_true(log_limit_pass(&limit, 2000, 500, &suppressed));
	assert_int_equal(suppressed, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(waits_double_up_to_the_longest),
		cmocka_unit_test(failures_at_one_time_count_once),
		cmocka_unit_test(success_starts_anew),
		cmocka_unit_test(test_b16_a_pause_is_not_slept_through),
		cmocka_unit_test(a_pause_can_be_cut_short),
		cmocka_unit_test(limited_lines_are_counted),
	};

	return cmocka_run_group_tests_name("backoff", tests, NULL, NULL);
}
