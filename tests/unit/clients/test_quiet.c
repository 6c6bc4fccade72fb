/* Clients of log.quiet: a line a minute for a listener, and none for each. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/quiet.h"
#include "master/system/clock.h"
#include "unit/service.h"

#define MINUTE (QUIET_SECONDS * CLOCK_SECOND)

/* A client that is quiet, or not, has come, and ended as it chose, or by a
 * signal. */
static void
come_and_go(bool quiet, int signal)
{
	uint32_t slot;
	int fd;

	accept_resume(&service, now);
	slot = client_serve(0, NULL, &fd);
	service.clients.slots[slot].quiet = quiet;
	if (signal != 0)
		child_kill(slot, signal);
	else
		child_exit(slot, OUTCOME_CLIENT_GONE);
	now += 20 * CLOCK_MS;
	reap_step(&service, now);
	assert_int_equal(service.clients.slots[slot].phase, CLIENT_FREE);
	close(fd);
}

static void
one_line_sums_up_a_minute(void **state)
{
	int64_t begun;

	(void)state;
	service_begin("", "", NULL);
	assert_int_equal(quiet_wakeup(&service), CLOCK_NEVER);
	come_and_go(true, 0);
	begun = now;
	assert_int_equal(quiet_wakeup(&service), begun + MINUTE);
	come_and_go(true, 0);
	assert_int_equal(quiet_wakeup(&service), begun + MINUTE);
	assert_int_equal(logged_count("client"), 0);
	quiet_step(&service, begun + MINUTE - 1);
	assert_int_equal(logged_count("quiet"), 0);
	quiet_step(&service, begun + MINUTE);
	assert_string_equal(
	    logged_last("quiet"), "quiet listener=a clients=2 greeted=0");
	assert_int_equal(quiet_wakeup(&service), CLOCK_NEVER);
	quiet_step(&service, begun + 2 * MINUTE);
	assert_int_equal(logged_count("quiet"), 1);
}

static void
others_have_lines_of_their_own(void **state)
{
	(void)state;
	service_begin("", "", NULL);
	come_and_go(false, 0);
	assert_int_equal(logged_count("client"), 1);
	assert_int_equal(quiet_wakeup(&service), CLOCK_NEVER);
}

/* What an operator would want to know of each time. */
static void
what_is_not_ordinary_is_not_quiet(void **state)
{
	(void)state;
	service_begin("", "", NULL);
	come_and_go(true, SIGSYS);
	assert_int_equal(logged_count("client"), 1);
	assert_int_equal(quiet_wakeup(&service), CLOCK_NEVER);
}

/* Its row may be another's then. */
static void
a_reload_says_what_was_counted(void **state)
{
	(void)state;
	service_begin("", "", NULL);
	come_and_go(true, 0);
	service_change("", "", "");
	assert_string_equal(
	    logged_last("quiet"), "quiet listener=a clients=1 greeted=0");
	assert_int_equal(quiet_wakeup(&service), CLOCK_NEVER);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(one_line_sums_up_a_minute),
		TEST(others_have_lines_of_their_own),
		TEST(what_is_not_ordinary_is_not_quiet),
		TEST(a_reload_says_what_was_counted),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
