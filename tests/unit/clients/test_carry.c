/* Counters go over an exec, also to a program that has others. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/clients/carry.h"
#include "master/clients/service.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/clock.h"
#include "master/system/pack.h"

static struct spawners spawners;
static struct generation generation = { .spawners = &spawners };
static struct service service;

/* What another program has written is read. */
static void
resume(struct pack *pack)
{
	struct unpack unpack;
	int fd = pack_seal(pack);

	pack_free(pack);
	assert_int_not_equal(fd, -1);
	memset(&service, 0, sizeof(service));
	service.generation = &generation;
	assert_null(unpack_open(&unpack, fd));
	assert_null(carry_unpack_counters(&unpack, &service));
	assert_false(service.full.said); /* there is no configuration yet */
	carry_unpack_levels(&unpack, &service, 0);
	unpack_close(&unpack);
	close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	free(service.counters.rows);
	service.counters.rows = NULL;
	return 0;
}

static void
all_of_them_stay(void **state)
{
	static struct counters_row rows[2];
	struct pack pack = { 0 };
	struct counters *counters = &service.counters;

	(void)state;
	memset(&service, 0, sizeof(service));
	service.generation = &generation;
	counters->rows = rows;
	counters->n_rows = 2;
	counters_accept(counters, 1);
	counters_accept(counters, 1);
	counters_end(counters, 1, OUTCOME_KILLED);
	counters_refuse(counters, 1, REFUSAL_NO_RESOURCES);
	counters->gone.ended[OUTCOME_RESET] = counters->gone.accepted = 7;
	counters_accept_failed(counters, 133);
	durations_note(&counters->durations, 700);
	durations_note(&counters->durations, 61000000);
	service.full.said = true;
	carry_pack_counters(&pack, &service);
	carry_pack_levels(&pack, &service);
	resume(&pack);
	assert_int_equal(counters->n_rows, 2);
	assert_int_equal(counters->rows[1].accepted, 2);
	assert_int_equal(counters->rows[1].ended[OUTCOME_KILLED], 1);
	assert_int_equal(counters->rows[1].refused[REFUSAL_NO_RESOURCES], 1);
	assert_int_equal(counters->gone.ended[OUTCOME_RESET], 7);
	assert_int_equal(counters->accept_failures, 1);
	assert_int_equal(counters->accept_errors[133], 1);
	assert_int_equal(counters->durations.count[0], 1);
	assert_int_equal(counters->durations.count[DURATIONS_BOUNDS], 1);
	assert_int_equal(counters->durations.total_us, 61000700);
	assert_true(service.full.said); /* that it is over has yet to be */
	assert_int_equal(service.full.over_at, CLOCK_NEVER);
}

/* The state of a program that has more outcomes than we, in another order, and
 * other bounds. */
struct other {
	char kind[16];
	uint32_t row;
	char name[32];
	uint64_t number;
	uint64_t count;
};

static void
those_of_another_program_are_known_by_name(void **state)
{
	static const struct pack_field row_fields[] = {
		PACK_FIELD(counters_row, accepted),
	};
	static const struct pack_field fields[] = {
		PACK_FIELD(other, kind), PACK_FIELD(other, row),
		PACK_FIELD(other, name), PACK_FIELD(other, number),
		PACK_FIELD(other, count),
	};
	static const struct pack_table rows = PACK_TABLE("counters", row_fields);
	static const struct pack_table table = PACK_TABLE("numbers", fields);
	static const struct other others[] = {
		{ "ended", 0, "bored", 0, 3 },
		{ "ended", 0, "killed", 0, 4 },
		{ "refused", 0, "ugly", 0, 5 },
		{ "refused", 0, "busy", 0, 6 },
		{ "ended", 0, "greeted", 0, 7 },
		{ "accept error", 0, "", 100000, 2 },
		{ "duration", 0, "", 900, 8 },
		{ "duration", 0, "", 70000000, 9 },
		{ "colour", 0, "green", 0, 10 },
	};
	const struct counters_row row = { .accepted = 25 };
	struct pack pack = { 0 };
	size_t i;

	(void)state;
	pack_table(&pack, &rows);
	pack_row(&pack, &rows, &row);
	pack_table(&pack, &table);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		pack_row(&pack, &table, &others[i]);
	resume(&pack);
	assert_int_equal(service.counters.rows[0].accepted, 17);
	assert_int_equal(service.counters.rows[0].ended[OUTCOME_KILLED], 4);
	assert_int_equal(service.counters.rows[0].ended[OUTCOME_GREETED], 7);
	assert_int_equal(service.counters.rows[0].refused[REFUSAL_BUSY], 6);
	assert_int_equal(service.counters.accept_errors[0], 2);
	assert_int_equal(service.counters.durations.count[0], 8);
	assert_int_equal(
	    service.counters.durations.count[DURATIONS_BOUNDS], 9);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(all_of_them_stay, teardown),
		cmocka_unit_test_teardown(
		    those_of_another_program_are_known_by_name, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
