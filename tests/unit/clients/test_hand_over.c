/* Handing over: order, errors, who waits too long, who comes too late. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/hand_over.h"
#include "master/system/clock.h"
#include "unit/service.h"

#define CLIENTS 3

/* One that no spawner takes, and so waits.  Returns its end. */
static int
have_one_wait(size_t listener)
{
	int fd = client_connect(listener, NULL);

	spawner.error = EPIPE;
	accept_resume(&service, now);
	service_events();
	accept_step(&service, now);
	assert_int_equal(service.clients.list[CLIENT_WAITING].count, 1);
	spawner.error = 0;
	return fd;
}

static void
close_all(const int *fds)
{
	size_t i;

	for (i = 0; i < CLIENTS; i++)
		close(fds[i]);
}

static void
who_waits_is_handed_over(void **state)
{
	uint32_t slot;
	int fds[2];

	(void)state;
	service_begin("", "", NULL);
	fds[0] = have_one_wait(0);
	fds[1] = client_connect(0, NULL);
	slot = service.clients.list[CLIENT_WAITING].head;
	hand_over_step(&service, now);
	assert_int_equal(spawner.n, 1);
	assert_int_equal(spawner.slots[0], slot);
	assert_int_equal(service.clients.slots[slot].phase, CLIENT_HANDED);
	assert_int_equal(service.clients.slots[slot].greeting_length,
	    sizeof(SERVICE_GREETING) - 1);
	close(fds[0]);
	close(fds[1]);
}

/* All that a spawner had when it died wait; the first that came is the first
 * that the next one gets. */
static void
a_dead_spawner_gives_its_clients_back(void **state)
{
	int fds[CLIENTS];
	size_t i;

	(void)state;
	service_begin("", "", NULL);
	for (i = 0; i < CLIENTS; i++)
		fds[i] = client_connect(0, NULL);
	service_events();
	accept_step(&service, now);
	assert_int_equal(spawner.n, CLIENTS);
	assert_int_equal(hand_over_wakeup(&service), now + 2 * CLOCK_MS);
	for (i = 0; i < CLIENTS; i++)
		spawner_fail(spawner.slots[i], 0);
	spawner.is_full = true;
	hand_over_step(&service, now);
	assert_int_equal(
	    service.clients.list[CLIENT_WAITING].count, CLIENTS);
	assert_int_equal(service.counters.fork_failures, 0);
	assert_false(backoff_waits(&service.forking));
	spawner.is_full = false;
	hand_over_step(&service, now);
	assert_int_equal(spawner.n, 2 * CLIENTS);
	for (i = 0; i < CLIENTS; i++)
		assert_int_equal(
		    spawner.slots[CLIENTS + i], spawner.slots[i]);
	close_all(fds);
}

static void
a_clone_that_fails_is_tried_again_later(void **state)
{
	int64_t until;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	fd = client_connect(0, NULL);
	service_events();
	accept_step(&service, now);
	spawner_fail(spawner.slots[0], EAGAIN);
	hand_over_step(&service, now);
	assert_int_equal(service.counters.fork_failures, 1);
	assert_int_equal(service.clients.list[CLIENT_WAITING].count, 1);
	until = hand_over_wakeup(&service);
	assert_int_equal(until, now + BACKOFF_FIRST_MS * CLOCK_MS);
	now = until - 1;
	hand_over_step(&service, now);
	assert_int_equal(spawner.n, 1);
	now = until;
	hand_over_step(&service, now);
	assert_int_equal(spawner.n, 2);
	spawner_clone(spawner.slots[1]);
	hand_over_step(&service, now);
	assert_int_equal(
	    service.clients.slots[spawner.slots[1]].phase, CLIENT_YOUNG);
	assert_int_equal(hand_over_wakeup(&service), CLOCK_NEVER);
	close(fd);
	/* The next failure is a first one again. */
	fd = client_connect(0, NULL);
	accept_resume(&service, now);
	service_events();
	accept_step(&service, now);
	spawner_fail(spawner.slots[2], EAGAIN);
	hand_over_step(&service, now);
	assert_int_equal(hand_over_wakeup(&service),
	    now + BACKOFF_FIRST_MS * CLOCK_MS);
	close(fd);
}

/* The spawner is dead, and about to be replaced: no reason to pause. */
static void
a_hand_over_fails_with(int error, bool pauses)
{
	int fd;

	service_begin("", "", NULL);
	fd = client_connect(0, NULL);
	spawner.error = error;
	service_events();
	accept_step(&service, now);
	assert_int_equal(service.clients.list[CLIENT_WAITING].count, 1);
	assert_int_equal(backoff_waits(&service.forking), pauses);
	close(fd);
	service_teardown(NULL);
}

static void
a_hand_over_that_fails_is_repeated(void **state)
{
	(void)state;
	a_hand_over_fails_with(EPIPE, false);
	a_hand_over_fails_with(ECONNRESET, false);
	a_hand_over_fails_with(EAGAIN, true);
	a_hand_over_fails_with(ETOOMANYREFS, true);
	a_hand_over_fails_with(ENOMEM, true);
}

static void
who_waits_too_long_is_refused(void **state)
{
	int fd;

	(void)state;
	service_begin("refusals = { no_resources = \"none\\n\"; };",
	    "timeouts = { session = 2.0; };", NULL);
	fd = have_one_wait(0);
	assert_int_equal(hand_over_wakeup(&service), now + 2 * CLOCK_SECOND);
	spawner.is_full = true;
	now += 2 * CLOCK_SECOND - 1;
	hand_over_step(&service, now);
	assert_int_equal(service_row(0)->refused[REFUSAL_NO_RESOURCES], 0);
	spawner.is_full = false; /* too late all the same */
	now++;
	hand_over_step(&service, now);
	assert_int_equal(service_row(0)->refused[REFUSAL_NO_RESOURCES], 1);
	assert_int_equal(spawner.n, 0);
	assert_string_equal(client_read(fd), "none\n");
	close(fd);
}

/* With its listener went its greeting. */
static void
who_waits_for_a_listener_that_is_gone_is_refused(void **state)
{
	const struct counters_row *row;
	int fd;

	(void)state;
	service_begin("refusals = { no_resources = \"none\\n\"; };", "", "");
	fd = have_one_wait(1);
	service_change("refusals = { no_resources = \"none\\n\"; };", "", NULL);
	row = &service.counters
		   .rows[counters_find(&service.counters, "b")];
	hand_over_step(&service, now);
	assert_int_equal(row->refused[REFUSAL_NO_RESOURCES], 1);
	assert_int_equal(row->live, 0);
	assert_int_equal(spawner.n, 0);
	close(fd);
}

/* The daemon stops: the others got their signal before this one came. */
static void
a_late_child_gets_the_signal_of_the_others(void **state)
{
	uint32_t early, late;
	int fds[2];

	(void)state;
	service_begin("", "", NULL);
	early = client_serve(0, NULL, &fds[0]);
	fds[1] = client_connect(0, NULL);
	service_events();
	accept_step(&service, now);
	late = spawner.slots[1];
	serve_end(&service, SIGTERM, now);
	AWAIT(child_has_died(early, SIGTERM));
	spawner_clone(late);
	hand_over_step(&service, now);
	AWAIT(child_has_died(late, SIGTERM));
	assert_int_equal(
	    service.clients.slots[late].ending, ENDING_SHUTDOWN);
	close(fds[0]);
	close(fds[1]);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(who_waits_is_handed_over),
		TEST(a_dead_spawner_gives_its_clients_back),
		TEST(a_clone_that_fails_is_tried_again_later),
		cmocka_unit_test(a_hand_over_that_fails_is_repeated),
		TEST(who_waits_too_long_is_refused),
		TEST(who_waits_for_a_listener_that_is_gone_is_refused),
		TEST(a_late_child_gets_the_signal_of_the_others),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
