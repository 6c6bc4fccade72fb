/* Counters: they follow listeners by name over reloads, and always balance. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "master/clients/counters.h"

static void
use(struct counters *stats, const char *const *names, size_t n)
{
	assert_int_equal(counters_prepare(stats, names, n), 0);
	counters_use(stats, names, n);
}

static void
assert_balance(const struct counters_row *row)
{
	uint64_t parts = row->live;
	size_t i;

	for (i = 0; i < REFUSAL_COUNT; i++)
		parts += row->refused[i];
	for (i = 0; i < OUTCOME_COUNT; i++)
		parts += row->ended[i];
	assert_int_equal(row->accepted, parts);
}

static void
rows_follow_their_names(void **state)
{
	static const char *const before[] = { "a", "b", "c" };
	static const char *const after[] = { "c", "d", "a" };
	struct counters stats = { 0 };
	size_t a, b;

	(void)state;
	use(&stats, before, 3);
	a = counters_find(&stats, "a");
	b = counters_find(&stats, "b");
	counters_accept(&stats, a);
	counters_accept(&stats, b);
	counters_end(&stats, a, OUTCOME_GREETED);
	use(&stats, after, 3);
	assert_int_equal(counters_find(&stats, "a"), a);
	assert_int_equal(stats.rows[a].session, 2);
	assert_int_equal(stats.rows[a].ended[OUTCOME_GREETED], 1);
	assert_int_equal(stats.rows[counters_find(&stats, "c")].session, 0);
	assert_int_equal(stats.rows[counters_find(&stats, "d")].session, 1);
	/* b is gone from the configuration, its client is not. */
	assert_string_equal(stats.rows[b].name, "b");
	assert_int_equal(stats.rows[b].session, -1);
	assert_int_equal(stats.rows[b].live, 1);
	free(stats.rows);
}

static void
removed_rows_are_folded_when_empty(void **state)
{
	static const char *const both[] = { "a", "b" };
	struct counters stats = { 0 };
	size_t b, rows;

	(void)state;
	use(&stats, both, 2);
	b = counters_find(&stats, "b");
	counters_accept(&stats, b);
	use(&stats, both, 1);
	assert_int_equal(stats.gone.accepted, 0);
	counters_end(&stats, b, OUTCOME_RESET);
	use(&stats, both, 1);
	assert_int_equal(stats.gone.accepted, 1);
	assert_int_equal(stats.gone.ended[OUTCOME_RESET], 1);
	assert_balance(&stats.gone);
	rows = stats.n_rows;
	use(&stats, both, 2);
	assert_int_equal(stats.n_rows, rows);
	assert_int_equal(stats.rows[counters_find(&stats, "b")].accepted, 0);
	free(stats.rows);
}

static void
preparing_changes_nothing_in_use(void **state)
{
	static const char *const one[] = { "a" };
	static const char *const more[] = { "x", "y", "z" };
	struct counters stats = { 0 };

	(void)state;
	use(&stats, one, 1);
	counters_accept(&stats, 0);
	assert_int_equal(counters_prepare(&stats, more, 3), 0);
	assert_int_equal(counters_find(&stats, "a"), 0);
	assert_int_equal(stats.rows[0].session, 0);
	assert_int_equal(stats.rows[0].accepted, 1);
	assert_int_equal(stats.rows[counters_find(&stats, "y")].session, -1);
	free(stats.rows);
}

static void
counters_balance(void **state)
{
	static const char *const one[] = { "a" };
	struct counters stats = { 0 };
	size_t i;

	(void)state;
	use(&stats, one, 1);
	for (i = 0; i < 100; i++)
		counters_accept(&stats, 0);
	for (i = 0; i < OUTCOME_COUNT; i++)
		counters_end(&stats, 0, (enum outcome)i);
	for (i = 0; i < REFUSAL_COUNT; i++)
		counters_refuse(&stats, 0, (enum refusal)i);
	assert_int_equal(stats.live, 100 - OUTCOME_COUNT - REFUSAL_COUNT);
	assert_int_equal(stats.rows[0].live, stats.live);
	assert_balance(&stats.rows[0]);
	free(stats.rows);
}

static void
every_reason_has_a_name(void **state)
{
	size_t i, j;

	(void)state;
	for (i = 0; i < REFUSAL_COUNT; i++)
		for (j = 0; j < i; j++)
			assert_string_not_equal(refusal_name((enum refusal)i),
			    refusal_name((enum refusal)j));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_follow_their_names),
		cmocka_unit_test(removed_rows_are_folded_when_empty),
		cmocka_unit_test(preparing_changes_nothing_in_use),
		cmocka_unit_test(counters_balance),
		cmocka_unit_test(every_reason_has_a_name),
	};

	return cmocka_run_group_tests_name("stats", tests, NULL, NULL);
}
