/* When the command is run: feed/loop.c, with a clock of the test's own. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>

#include "feed/events.h"
#include "feed/loop.h"
#include "feed/run.h"

#define MS INT64_C(1000000)
#define S (1000 * MS)
#define DAY (24 * 3600 * S)

static int64_t now; /* of CLOCK_MONOTONIC */
static int64_t end; /* when the feed is asked to stop */
static int64_t begun, last; /* the first start, and the latest */
static unsigned runs, skipped;
static int64_t (*run_takes)(void);

int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_gettimeofday(struct timeval *time, void *zone);
time_t __wrap_time(time_t *time);
int __wrap_poll(struct pollfd *fds, nfds_t n, int timeout);
int __wrap___poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size);
unsigned __wrap_events_stops(void);
void __wrap_run_command(
    char *const *command, int64_t limit_ms, struct run_result *result);

/* The clock on the wall may jump to and fro by 24 hours: nobody may look at it.
 */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	if (clock != CLOCK_MONOTONIC)
		fail_msg("clock %d", (int)clock);
	time->tv_sec = (time_t)(now / S);
	time->tv_nsec = (long)(now % S);
	return 0;
}

int
__wrap_gettimeofday(struct timeval *time, void *zone)
{
	(void)time;
	(void)zone;
	fail_msg("gettimeofday");
	return -1;
}

time_t
__wrap_time(time_t *time)
{
	(void)time;
	fail_msg("time");
	return -1;
}

/* A signal ends some of the waits before their time. */
int
__wrap_poll(struct pollfd *fds, nfds_t n, int timeout)
{
	(void)fds;
	(void)n;
	assert_true(timeout > 0);
	now += (rand() % 4 == 0 ? timeout / 2 : timeout) * MS;
	return 0;
}

/* With _FORTIFY_SOURCE. */
int
__wrap___poll_chk(struct pollfd *fds, nfds_t n, int timeout, size_t size)
{
	assert_true(n * sizeof(*fds) <= size);
	return __wrap_poll(fds, n, timeout);
}

unsigned
__wrap_events_stops(void)
{
	return now >= end;
}

void
__wrap_run_command(
    char *const *command, int64_t limit_ms, struct run_result *result)
{
	(void)command;
	assert_int_equal(limit_ms, 5000);
	if (runs++ == 0)
		begun = now;
	else
		skipped += (unsigned)((now - last) / (2 * S)) - 1;
	assert_int_equal((now - begun) % (2 * S), 0);
	last = now;
	now += run_takes();
	result->end = RUN_EXITED;
	result->code = 0;
	result->output_length = result->errors_length = 0;
}

static int64_t
takes_some_time(void)
{
	return rand() % 1999 * MS;
}

static int64_t
takes_longer_at_times(void)
{
	return rand() % 7000 * MS;
}

static void
run_for(int64_t time, int64_t (*takes)(void))
{
	char name[] = "true";
	char *const command[] = { name, NULL };
	struct feed feed = {
		.command = command, .interval_ms = 2000, .limit_ms = 5000
	};

	srand(1);
	now = 1000 * S;
	end = now + time;
	runs = skipped = 0;
	run_takes = takes;
	assert_int_equal(loop_run(&feed), 0);
}

static void
test_a_day(void **state)
{
	(void)state;
	run_for(DAY, takes_some_time);
	assert_int_equal(runs, DAY / (2 * S));
	assert_int_equal(skipped, 0);
}

/* Nothing is made up for, and nothing piles up. */
static void
test_slow_runs(void **state)
{
	(void)state;
	run_for(DAY, takes_longer_at_times);
	assert_true(skipped > runs / 2);
	assert_in_range(runs + skipped, DAY / (2 * S) - 4, DAY / (2 * S));
}

static void
test_next(void **state)
{
	(void)state;
	assert_int_equal(loop_next(10, 5, 10), 15);
	assert_int_equal(loop_next(10, 5, 14), 15);
	assert_int_equal(loop_next(10, 5, 15), 20);
	assert_int_equal(loop_next(10, 5, 9), 10);
	/* The feed was stopped for a year. */
	assert_int_equal(loop_next(S, 2 * S, 365 * DAY), 365 * DAY + S);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_day),
		cmocka_unit_test(test_slow_runs),
		cmocka_unit_test(test_next),
	};

	return cmocka_run_group_tests_name("loop", tests, NULL, NULL);
}
