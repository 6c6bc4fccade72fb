/* The states of a listener: shared/state.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shared/state.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static void
test_names(void **cmocka)
{
	(void)cmocka;
	assert_string_equal(state_name(STATE_READY), "ready");
	assert_string_equal(state_name(STATE_DRAIN), "drain");
	assert_string_equal(state_name(STATE_DOWN), "down");
	assert_string_equal(state_name(STATE_MAINTENANCE), "maintenance");
}

/* Who reads two of them takes the greater. */
static void
test_order(void **cmocka)
{
	(void)cmocka;
	assert_true(STATE_MAINTENANCE > STATE_DOWN);
	assert_true(STATE_DOWN > STATE_DRAIN);
	assert_true(STATE_DRAIN > STATE_READY);
	assert_int_equal(STATE_READY, 0); /* what memory set to 0 says */
	assert_int_equal(STATE_COUNT, 4);
}

static void
test_operators_words(void **cmocka)
{
	static const enum state wanted[] = { STATE_READY, STATE_DRAIN,
		STATE_MAINTENANCE };
	enum state state;

	(void)cmocka;
	for (size_t i = 0; i < COUNT(wanted); i++) {
		state = STATE_COUNT;
		assert_true(state_parse(state_name(wanted[i]), &state));
		assert_int_equal(state, wanted[i]);
	}
}

static void
test_other_words(void **cmocka)
{
	static const char *const words[] = { "down", "", "Ready", "READY",
		"read", "readyy", "ready ", " drain", "maint", "up",
		"drain\n" };
	enum state state = STATE_COUNT;

	(void)cmocka;
	for (size_t i = 0; i < COUNT(words); i++) {
		if (state_parse(words[i], &state) || state != STATE_COUNT)
			fail_msg("'%s' was taken", words[i]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_operators_words),
		cmocka_unit_test(test_other_words),
	};

	return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
