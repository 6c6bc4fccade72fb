/* Whose place a client takes, and the word about a full daemon. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/full.h"
#include "master/clients/gate.h"
#include "master/system/clock.h"
#include "unit/service.h"

static int
accepted_one(size_t listener, const char *from)
{
	int fd = client_connect(listener, from);

	accept_resume(&service, now);
	service_events();
	accept_step(&service, now);
	return fd;
}

static void
who_is_at_its_limit_is_named(void **state)
{
	const struct listener *list;
	int fds[3];

	(void)state;
	service_begin("limits = { max_clients = 3; };",
	    "limits = { max_clients = 1; };", "");
	list = setup.listeners.list;
	assert_null(gate_full(&service, &list[0]));
	fds[0] = accepted_one(0, NULL);
	assert_ptr_equal(
	    gate_full(&service, &list[0]), &setup.conf->listener[0].limits);
	assert_null(gate_full(&service, &list[1]));
	fds[1] = accepted_one(1, NULL);
	assert_null(gate_full(&service, &list[1]));
	fds[2] = accepted_one(1, NULL);
	assert_ptr_equal(gate_full(&service, &list[1]), &setup.conf->limits);
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
}

/* That is for those whom the rule denies, or lets in. */
static void
who_is_refused_for_room_is_told_no_rules_greeting(void **state)
{
	const struct conf_limits *full;
	struct client *client;
	enum refusal why;
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "rules = ( { from = \"any\"; action = \"allow\"; "
	    "greeting = \"you\\n\"; } );", NULL);
	slot = client_serve(0, NULL, &fd);
	client = &service.clients.slots[slot];
	full = &setup.conf->limits;
	assert_true(gate_decide(&service, client, NULL, &why, now));
	assert_false(client->own_text);
	assert_false(gate_decide(&service, client, full, &why, now));
	assert_int_equal(why, REFUSAL_BUSY);
	assert_false(client->own_text);
	close(fd);
}

/* Who lingers holds no place, neither the daemon's nor the listener's. */
static void
a_connection_alone_holds_no_place(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("limits = { max_clients = 1; };", "", NULL);
	slot = client_serve(0, NULL, &fd);
	assert_non_null(gate_full(&service, &setup.listeners.list[0]));
	child_greet(slot);
	child_exit(slot, OUTCOME_GREETED);
	reap_step(&service, now);
	assert_true(client_lingers(&service.clients.slots[slot]));
	assert_null(gate_full(&service, &setup.listeners.list[0]));
	close(fd);
}

/* A reload counts those who have a process by the new limits, and nobody
 * else. */
static void
a_reload_counts_anew(void **state)
{
	uint32_t slots[2];
	int fds[3];

	(void)state;
	service_begin("", "", NULL);
	slots[0] = client_serve(0, "127.0.0.9", &fds[0]);
	slots[1] = client_serve(0, "127.0.0.8", &fds[1]);
	child_greet(slots[0]);
	child_exit(slots[0], OUTCOME_GREETED);
	reap_step(&service, now);
	assert_true(client_lingers(&service.clients.slots[slots[0]]));
	service_change("limits = { max_clients_per_source = 1; };", "", NULL);
	assert_int_equal(
	    service.clients.slots[slots[0]].source, ADMIT_NO_SOURCE);
	fds[2] = accepted_one(0, "127.0.0.8");
	assert_int_equal(service_row(0)->refused[REFUSAL_BUSY_PER_SOURCE], 1);
	close(fds[2]);
	fds[2] = accepted_one(0, "127.0.0.9");
	assert_int_equal(service_row(0)->refused[REFUSAL_BUSY_PER_SOURCE], 1);
	assert_int_equal(service_row(0)->accepted, 4);
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
}

/* Its listener has gone, and another one has its index: it leaves nothing that
 * is another's. */
static void
a_client_of_a_listener_that_is_gone_leaves_no_one_else(void **state)
{
	uint32_t slots[2];
	int fds[3];

	(void)state;
	service_begin("limits = { max_clients_per_source = 1; };", "", "");
	slots[0] = client_serve(0, "127.0.0.9", &fds[0]);
	slots[1] = client_serve(1, "127.0.0.9", &fds[1]);
	service_change("limits = { max_clients_per_source = 1; };", "", NULL);
	assert_int_equal(
	    service.clients.slots[slots[1]].source, ADMIT_NO_SOURCE);
	child_exit(slots[1], OUTCOME_CLIENT_GONE);
	reap_step(&service, now += CLOCK_SECOND);
	assert_int_equal(service.clients.slots[slots[1]].phase, CLIENT_FREE);
	fds[2] = accepted_one(0, "127.0.0.9");
	assert_int_equal(service_row(0)->refused[REFUSAL_BUSY_PER_SOURCE], 1);
	(void)slots[0];
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
}

static void
who_has_ended_leaves_its_source(void **state)
{
	uint32_t slot;
	int fds[2];

	(void)state;
	service_begin("limits = { max_clients_per_source = 1; };", "", NULL);
	slot = client_serve(0, "127.0.0.9", &fds[0]);
	child_exit(slot, OUTCOME_CLIENT_GONE);
	reap_step(&service, now);
	fds[1] = accepted_one(0, "127.0.0.9");
	assert_int_equal(service_row(0)->refused[REFUSAL_BUSY_PER_SOURCE], 0);
	assert_int_equal(spawner.n, 2);
	close(fds[0]);
	close(fds[1]);
}

/* ----------------------------------------------------------------------- full */

/* Places that are taken, without a client. */
static void
take_places(uint32_t n)
{
	service.counters.rows[setup.listeners.list[0].row].live = n;
	service.counters.live = n;
}

static void
full_is_said_once_and_ends_a_second_later(void **state)
{
	const struct listener *listener;

	(void)state;
	service_begin("limits = { max_clients = 100; };",
	    "limits = { max_clients = 100; };", NULL);
	listener = setup.listeners.list;
	take_places(100);
	full_step(&service, now); /* nobody has been turned away */
	assert_int_equal(full_wakeup(&service), CLOCK_NEVER);
	full_note(&service, listener, &setup.conf->limits);
	full_note(&service, listener, &setup.conf->limits);
	assert_int_equal(logged_count("full"), 1);
	assert_string_equal(logged_last("full"),
	    "full listener=- clients=100 max_clients=100");
	take_places(91); /* within the margin */
	full_step(&service, now);
	assert_int_equal(full_wakeup(&service), CLOCK_NEVER);
	take_places(90);
	full_step(&service, now);
	assert_int_equal(full_wakeup(&service), now + CLOCK_SECOND);
	now += CLOCK_SECOND - 1;
	full_step(&service, now);
	assert_int_equal(logged_count("full ended"), 0);
	now++;
	full_step(&service, now);
	assert_string_equal(logged_last("full ended"), "full ended clients=90");
	assert_int_equal(full_wakeup(&service), CLOCK_NEVER);
	full_note(&service, listener, &setup.conf->listener[0].limits);
	assert_string_equal(logged_last("full"),
	    "full listener=a clients=90 max_clients=100");
	take_places(0);
}

/* It is over when it has been for a second in one piece. */
static void
full_again_within_the_second_is_full_still(void **state)
{
	(void)state;
	service_begin("limits = { max_clients = 10; };", "", NULL);
	take_places(10);
	full_note(&service, setup.listeners.list, &setup.conf->limits);
	take_places(1);
	full_step(&service, now);
	take_places(10);
	full_note(&service, setup.listeners.list, &setup.conf->limits);
	assert_int_equal(full_wakeup(&service), CLOCK_NEVER);
	take_places(1);
	full_step(&service, now + CLOCK_SECOND / 2);
	take_places(10);
	full_step(&service, now + CLOCK_SECOND);
	assert_int_equal(full_wakeup(&service), CLOCK_NEVER);
	take_places(1);
	full_step(&service, now + CLOCK_SECOND);
	full_step(&service, now + 3 * CLOCK_SECOND / 2);
	assert_int_equal(logged_count("full"), 1);
	assert_int_equal(logged_count("full ended"), 0);
	full_step(&service, now + 2 * CLOCK_SECOND);
	assert_int_equal(logged_count("full ended"), 1);
	take_places(0);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(who_is_at_its_limit_is_named),
		TEST(who_is_refused_for_room_is_told_no_rules_greeting),
		TEST(a_connection_alone_holds_no_place),
		TEST(a_reload_counts_anew),
		TEST(a_client_of_a_listener_that_is_gone_leaves_no_one_else),
		TEST(who_has_ended_leaves_its_source),
		TEST(full_is_said_once_and_ends_a_second_later),
		TEST(full_again_within_the_second_is_full_still),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
