/* The token bucket at its boundaries: master/clients/bucket.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "master/clients/bucket.h"

#define SECOND INT64_C(1000000)

static void
assert_rule(int64_t rate, int64_t burst, int64_t want)
{
	struct bucket_rule rule = bucket_rule(rate, burst);

	assert_int_equal(rule.rate, rate);
	assert_int_equal(rule.burst, want);
}

static void
burst_is_the_rate_rounded_up(void **state)
{
	(void)state;
	assert_rule(0, 0, 1);
	assert_rule(1, 0, 1);
	assert_rule(1000, 0, 1);
	assert_rule(1001, 0, 2);
	assert_rule(2500, 0, 3);
	assert_rule(100000000, 0, 100000);
	assert_rule(5000, 2, 2);
	assert_rule(0, 7, 7);
}

/* So many in a row at that time, no more. */
static void
assert_takes(struct bucket *bucket, const struct bucket_rule *rule,
    int64_t now, unsigned n)
{
	while (n-- > 0) {
		assert_int_equal(bucket_wait(bucket, rule, now), 0);
		bucket_take(bucket, rule);
	}
	assert_int_not_equal(bucket_wait(bucket, rule, now), 0);
}

static void
a_burst_then_the_rate(void **state)
{
	const struct bucket_rule rule = { 2000, 3 };
	struct bucket bucket;

	(void)state;
	bucket_fill(&bucket, &rule, 0);
	assert_takes(&bucket, &rule, 0, 3);
	assert_int_equal(bucket_wait(&bucket, &rule, 0), SECOND / 2);
	assert_int_equal(bucket_wait(&bucket, &rule, 1), SECOND / 2 - 1);
	assert_takes(&bucket, &rule, SECOND / 2 - 1, 0);
	assert_int_equal(bucket_wait(&bucket, &rule, SECOND / 2 - 1), 1);
	assert_takes(&bucket, &rule, SECOND / 2, 1);
	assert_takes(&bucket, &rule, SECOND * 3 / 2, 2);
	/* It holds no more than the burst, however long nobody comes. */
	assert_takes(&bucket, &rule, 1000 * SECOND, 3);
	assert_takes(&bucket, &rule, INT64_MAX / 2, 3);
	assert_takes(&bucket, &rule, INT64_MAX, 3);
}

/* A third of a second is no whole number of microseconds. */
static void
waits_are_rounded_up(void **state)
{
	const struct bucket_rule rule = { 3000, 1 };
	struct bucket bucket;

	(void)state;
	bucket_fill(&bucket, &rule, 0);
	assert_takes(&bucket, &rule, 0, 1);
	assert_int_equal(bucket_wait(&bucket, &rule, 0), 333334);
	assert_int_equal(bucket_wait(&bucket, &rule, 333333), 1);
	assert_takes(&bucket, &rule, 333334, 1);
}

/* Asking each microsecond loses nothing to rounding. */
static void
nothing_is_lost(void **state)
{
	const struct bucket_rule rule = { 333333, 1 };
	struct bucket bucket;
	unsigned taken = 0;
	int64_t now;

	(void)state;
	bucket_fill(&bucket, &rule, 0);
	bucket_take(&bucket, &rule);
	for (now = 1; now <= 3 * SECOND; now++)
		if (bucket_wait(&bucket, &rule, now) == 0) {
			bucket_take(&bucket, &rule);
			taken++;
		}
	/* 333.333 a second; when it is full, what runs over is lost, which is
	 * less than a token in a microsecond. */
	assert_in_range(taken, 999, 1000);
}

static void
the_ends_of_the_range(void **state)
{
	const struct bucket_rule slow = { 1, 100000 }, fast = { 100000000,
		100000 };
	struct bucket bucket;

	(void)state;
	bucket_fill(&bucket, &slow, 0);
	assert_takes(&bucket, &slow, 0, 100000);
	assert_int_equal(bucket_wait(&bucket, &slow, 0), 1000 * SECOND);
	assert_takes(&bucket, &slow, 1000 * SECOND - 1, 0);
	assert_takes(&bucket, &slow, 1000 * SECOND, 1);
	bucket_fill(&bucket, &fast, 0);
	assert_takes(&bucket, &fast, 0, 100000);
	assert_takes(&bucket, &fast, 10, 1);
	assert_takes(&bucket, &fast, SECOND + 10, 100000);
}

static void
no_rate_is_no_limit(void **state)
{
	const struct bucket_rule rule = { 0, 1 };
	struct bucket bucket = { 0, 0 };
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		assert_int_equal(bucket_wait(&bucket, &rule, 5), 0);
		bucket_take(&bucket, &rule);
	}
}

/* After a reload. */
static void
a_smaller_bucket_runs_over(void **state)
{
	const struct bucket_rule big = { 1000, 50 }, small = { 1000, 2 };
	struct bucket bucket;

	(void)state;
	bucket_fill(&bucket, &big, 0);
	assert_takes(&bucket, &small, 0, 2);
	/* A larger one is not full for that. */
	assert_takes(&bucket, &big, 0, 0);
	assert_takes(&bucket, &big, 3 * SECOND, 3);
}

/* The clock of the loop may be a little behind. */
static void
time_does_not_go_back(void **state)
{
	const struct bucket_rule rule = { 1000, 2 };
	struct bucket bucket;

	(void)state;
	bucket_fill(&bucket, &rule, 5 * SECOND);
	assert_takes(&bucket, &rule, 4 * SECOND, 2);
	assert_takes(&bucket, &rule, 6 * SECOND, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(burst_is_the_rate_rounded_up),
		cmocka_unit_test(a_burst_then_the_rate),
		cmocka_unit_test(waits_are_rounded_up),
		cmocka_unit_test(nothing_is_lost),
		cmocka_unit_test(the_ends_of_the_range),
		cmocka_unit_test(no_rate_is_no_limit),
		cmocka_unit_test(a_smaller_bucket_runs_over),
		cmocka_unit_test(time_does_not_go_back),
	};

	return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
