/* Making room: how many may linger, and who goes when one more does. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include <unistd.h>

#include "master/clients/close.h"
#include "master/clients/evict.h"
#include "master/config/resources.h"
#include "master/system/clock.h"
#include "unit/service.h"

static int fds[512]; /* the clients' ends, by slot */

/* One of that source that lingers: the phase says whether it has yet to take
 * something. */
static uint32_t
have_one(uint64_t who, enum client_phase phase)
{
	uint32_t slot = clients_add(&service.clients);
	struct client *client = &service.clients.slots[slot];
	int ends[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	client->fd = ends[0];
	fds[slot] = ends[1];
	client->who = who;
	client->deadline = CLOCK_NEVER;
	/* On such a socket TCP_INFO says that nothing was acknowledged. */
	client->greeting_length = phase == CLIENT_CLOSING ? 10 : 0;
	counters_accept(&service.counters, 0);
	counters_linger(&service.counters, 0);
	clients_move(&service.clients, slot, phase);
	return slot;
}

/* True when its connection has been closed, and it is gone. */
static bool
is_gone(uint32_t slot)
{
	return recv(fds[slot], &(char) { 0 }, 1, MSG_DONTWAIT) == 0;
}

static void
close_all(void)
{
	uint32_t slot;

	for (slot = 0; slot < service.clients.used; slot++)
		close(fds[slot]);
}

static void
begin(uint32_t lingering_max)
{
	service_begin("", "", NULL);
	service.lingering_max = lingering_max;
}

static void
nobody_goes_while_there_is_room(void **state)
{
	uint32_t slot;

	(void)state;
	begin(1);
	slot = have_one(1, CLIENT_LINGERING);
	evict_surplus(&service, now);
	assert_false(is_gone(slot));
	assert_int_equal(service.counters.lingering, 1);
	close_all();
}

/* It has had the longest time to close, and loses nothing. */
static void
who_has_had_everything_for_longest_goes(void **state)
{
	uint32_t slots[4];

	(void)state;
	begin(3);
	slots[0] = have_one(1, CLIENT_CLOSING);
	slots[1] = have_one(2, CLIENT_LINGERING);
	slots[2] = have_one(3, CLIENT_LINGERING);
	slots[3] = have_one(1, CLIENT_CLOSING);
	evict_surplus(&service, now);
	assert_true(is_gone(slots[1]));
	assert_int_equal(service.counters.lingering, 3);
	assert_int_equal(service_row(0)->ended[OUTCOME_GREETED], 1);
	assert_false(is_gone(slots[0]) || is_gone(slots[2]) ||
	    is_gone(slots[3]));
	close_all();
}

/* It got the rest since it was looked at. */
static void
who_is_done_by_now_goes_before_who_is_not(void **state)
{
	uint32_t slots[3];

	(void)state;
	begin(2);
	slots[0] = have_one(1, CLIENT_CLOSING);
	slots[1] = have_one(1, CLIENT_CLOSING);
	slots[2] = have_one(2, CLIENT_CLOSING);
	service.clients.slots[slots[2]].greeting_length = 0;
	assert_true(close_is_done(&service.clients.slots[slots[2]]));
	evict_surplus(&service, now);
	assert_true(is_gone(slots[2]));
	assert_false(is_gone(slots[0]) || is_gone(slots[1]));
	close_all();
}

/* Half of what the source has that has most, its oldest first. */
static void
the_heaviest_source_loses_half(void **state)
{
	uint32_t slots[9], i;

	(void)state;
	begin(8);
	/* 8192 sources share a place in the table: 5 and 8197 do. */
	for (i = 0; i < 9; i++)
		slots[i] = have_one(i % 3 == 0 ? 5 : 8197, CLIENT_CLOSING);
	evict_surplus(&service, now);
	for (i = 0; i < 9; i++)
		assert_int_equal(
		    is_gone(slots[i]), i == 1 || i == 2 || i == 4);
	assert_int_equal(service.counters.lingering, 6);
	assert_int_equal(service_row(0)->ended[OUTCOME_KILLED], 3);
	close_all();
}

static void
one_goes_though_it_is_the_only_one_of_its_source(void **state)
{
	uint32_t slots[2];

	(void)state;
	begin(1);
	slots[0] = have_one(1, CLIENT_CLOSING);
	slots[1] = have_one(2, CLIENT_CLOSING);
	evict_surplus(&service, now);
	assert_true(is_gone(slots[0]));
	assert_false(is_gone(slots[1]));
	close_all();
}

static void
a_batch_is_the_most_that_goes(void **state)
{
	uint32_t i, gone = 0;

	(void)state;
	begin(199);
	for (i = 0; i < 200; i++)
		have_one(1, CLIENT_CLOSING);
	evict_surplus(&service, now);
	for (i = 0; i < 200; i++) {
		assert_int_equal(is_gone(i), i < 64);
		gone += i < 64;
	}
	assert_int_equal(service.counters.lingering, 200 - gone);
	close_all();
}

static uint32_t
max_with(rlim_t descriptors)
{
	struct rlimit before, limit;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = descriptors;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	evict_configure(&service);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	return service.lingering_max;
}

static void
the_most_is_what_the_descriptors_leave(void **state)
{
	const rlim_t others = 100 + RESOURCES_OTHER_FILES + 2;

	(void)state;
	service_begin("limits = { max_clients = 100; };", "", "");
	assert_int_equal(max_with(others + 500), 500);
	assert_int_equal(max_with(others + EVICT_LEAST + 1), EVICT_LEAST + 1);
	assert_int_equal(max_with(others + EVICT_LEAST - 1), EVICT_LEAST);
	assert_int_equal(max_with(20), EVICT_LEAST);
	assert_int_equal(
	    max_with(others + PLAN_LINGERING_MAX + 1), PLAN_LINGERING_MAX);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(nobody_goes_while_there_is_room),
		TEST(who_has_had_everything_for_longest_goes),
		TEST(who_is_done_by_now_goes_before_who_is_not),
		TEST(the_heaviest_source_loses_half),
		TEST(one_goes_though_it_is_the_only_one_of_its_source),
		TEST(a_batch_is_the_most_that_goes),
		TEST(the_most_is_what_the_descriptors_leave),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
