/* Are they closed?  shared/descriptors.c */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include <fcntl.h>
#include <unistd.h>

#include "shared/descriptors.h"

#define FIRST 100 /* above what a test program has */

static int
setup(void **state)
{
	(void)state;
	return close_range(FIRST, ~0u, 0);
}

static void
open_at(unsigned number)
{
	assert_int_equal(dup2(STDIN_FILENO, (int)number), number);
}

static void
test_none_is_open(void **state)
{
	(void)state;
	assert_true(descriptors_closed(FIRST, DESCRIPTORS_END));
	assert_true(descriptors_closed(FIRST, FIRST));
}

/* Each place: poll(2) is asked about some at a time. */
static void
test_one_is_open(void **state)
{
	unsigned number;

	(void)state;
	for (number = FIRST; number < FIRST + 200; number++) {
		open_at(number);
		assert_false(descriptors_closed(FIRST, DESCRIPTORS_END));
		assert_true(descriptors_closed(FIRST, number));
		assert_true(descriptors_closed(number + 1, DESCRIPTORS_END));
		close((int)number);
	}
}

/* What was open before the limit stays open above it. */
static void
test_low_limit(void **state)
{
	struct rlimit before, low;

	(void)state;
	open_at(FIRST + 50);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (low = before, low.rlim_cur = 0; low.rlim_cur < 20;
	    low.rlim_cur += 7) {
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
		assert_false(descriptors_closed(FIRST, DESCRIPTORS_END));
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	close(FIRST + 50);
	assert_true(descriptors_closed(FIRST, DESCRIPTORS_END));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none_is_open),
		cmocka_unit_test(test_one_is_open),
		cmocka_unit_test(test_low_limit),
	};

	return cmocka_run_group_tests_name("descriptors", tests, setup, NULL);
}
