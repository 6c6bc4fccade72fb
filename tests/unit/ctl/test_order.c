/* Orders that wait until nobody is served. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ctl/order.h"
#include "unit/ctl/asked.h"

static int
setup(void **state)
{
	(void)state;
	asked_begin();
	return 0;
}

static void
answer(const char *text)
{
	asked_answer(
	    &(const struct answering){ CONTROL_OK, CONTROL_OK, text, "" });
}

static enum control_status
wait_for(int64_t ms, int64_t least)
{
	char name[] = "main", *names[] = { name, NULL };
	struct order order = {
		.wait_ms = ms, .at_least_ms = least, .listeners = names
	};

	return order_wait(&order, PATH, asked_now + 60 * (long long)SECOND);
}

static void
waiting_ends(void **state)
{
	int i;

	(void)state;
	answer("2\n");
	answer("1\n");
	answer("0\n");
	assert_int_equal(wait_for(1000, 0), CONTROL_OK);
	assert_int_equal(asked_times, 3);
	assert_string_equal(asked_said, "");
	assert_string_equal(asked_requests,
	    "live listener=main\nlive listener=main\nlive listener=main\n");
	/* Nobody is served, but it is too soon: the fourth look is the last. */
	setup(NULL);
	for (i = 0; i < 5; i++)
		answer("0\n");
	assert_int_equal(wait_for(1000, 300), CONTROL_OK);
	assert_int_equal(asked_times, 4);
	/* Time is up. */
	setup(NULL);
	for (i = 0; i < 4; i++)
		answer("5\n");
	assert_int_equal(wait_for(200, 0), CONTROL_OK);
	assert_int_equal(asked_times, 3);
	assert_string_equal(asked_said, "5 still being served");
}

static void
waiting_fails(void **state)
{
	static const struct {
		struct answering answer;
		enum control_status status;
		const char *said;
	} rows[] = {
		{ { CONTROL_TIMEOUT, CONTROL_OK, "", "timed out" },
		    CONTROL_TIMEOUT, "timed out" },
		{ { CONTROL_OK, CONTROL_REFUSED, "", "no\n" }, CONTROL_REFUSED,
		    "" },
		{ { CONTROL_OK, CONTROL_OK, "", "" }, CONTROL_REFUSED, "" },
		{ { CONTROL_OK, CONTROL_OK, "1", "" }, CONTROL_REFUSED, "" },
		{ { CONTROL_OK, CONTROL_OK, "one\n", "" }, CONTROL_REFUSED,
		    "" },
		{ { CONTROL_OK, CONTROL_OK, "-1\n", "" }, CONTROL_REFUSED, "" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		setup(NULL);
		asked_answer(&rows[i].answer);
		assert_int_equal(wait_for(1000, 0), rows[i].status);
		assert_string_equal(asked_said, rows[i].said);
		assert_int_equal(asked_times, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(waiting_ends, setup),
		cmocka_unit_test_setup(waiting_fails, setup),
	};

	return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
