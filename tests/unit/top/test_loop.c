/* The loop's deadlines: none is slept through, however long a turn takes, and
 * none keeps the loop awake once its part has dealt with it. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "master/turn.h"
#include "master/system/clock.h"
#include "unit/top/server.h"

static int64_t generation_at, notify_at;

int64_t __wrap_generation_wakeup(
    const struct generation *generation, const struct snapshot *running);
enum generation_event __wrap_generation_step(struct generation *generation,
    const struct snapshot *running, int64_t now);
int64_t __wrap_notify_wakeup(void);
void __wrap_notify_alive(int64_t now);

int64_t
__wrap_generation_wakeup(
    const struct generation *generation, const struct snapshot *running)
{
	(void)generation;
	(void)running;
	return generation_at;
}

enum generation_event
__wrap_generation_step(struct generation *generation,
    const struct snapshot *running, int64_t when)
{
	(void)generation;
	(void)running;
	if (when >= generation_at)
		generation_at = CLOCK_NEVER;
	return GENERATION_QUIET;
}

int64_t
__wrap_notify_wakeup(void)
{
	return notify_at;
}

void
__wrap_notify_alive(int64_t when)
{
	if (when >= notify_at)
		notify_at = CLOCK_NEVER;
}

/* ------------------------------------------------- each part with a deadline */

static void
accepting_pauses(int64_t at)
{
	backoff_fail(&server.service.accepting, "accept", EMFILE, now);
	server.service.accepting.until = at;
}

static void
forking_pauses(int64_t at)
{
	backoff_fail(&server.service.forking, "clone", EAGAIN, now);
	server.service.forking.until = at;
}

static void
full_is_over(int64_t at)
{
	server.service.full = (struct full) { .said = true, .over_at = at };
}

static void
spawner_has_clients(int64_t at)
{
	server.service.handed_at = at;
}

/* One that has no child, so that nobody is hurt. */
static uint32_t
have_client(enum client_phase phase, int64_t deadline)
{
	uint32_t slot = clients_add(&server.service.clients);
	struct client *client = &server.service.clients.slots[slot];

	client->fd = dup(0);
	client->pid = -1;
	client->deadline = client->expires = deadline;
	client->row = server.running.listeners.list[0].row;
	counters_accept(&server.service.counters, client->row);
	clients_move(&server.service.clients, slot, phase);
	return slot;
}

static void
client_waits(int64_t at)
{
	have_client(CLIENT_WAITING, at);
}

static void
client_is_young(int64_t at)
{
	have_client(CLIENT_YOUNG, CLOCK_NEVER);
	server.service.reap.next_pass = at;
}

static void
client_is_overdue(int64_t at)
{
	have_client(CLIENT_WATCHED, at);
}

static void
quiet_lines_are_due(int64_t at)
{
	server.service.quiet_at = at;
}

static void
client_lingers_on(int64_t at)
{
	have_client(CLIENT_LINGERING, at);
	counters_linger(&server.service.counters,
	    server.running.listeners.list[0].row);
}

static void
refused_client_lingers(int64_t at)
{
	linger_add(&server.service.linger,
	    socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0),
	    at - LINGER_MS * CLOCK_MS);
}

static void
listener_is_lost(int64_t at)
{
	server.service.watch.revive_at = at;
}

static void
control_pauses(int64_t at)
{
	server.control.accept_at = at;
}

static void
generation_is_due(int64_t at)
{
	generation_at = at;
}

static void
watchdog_is_due(int64_t at)
{
	notify_at = at;
}

static void
stop_goes_on(int64_t at)
{
	have_client(CLIENT_HANDED, CLOCK_NEVER);
	server.stop = (struct stop) { .stage = STOP_DRAIN, .at = at };
}

static void (*const parts[])(int64_t at) = {
	accepting_pauses, forking_pauses, full_is_over, spawner_has_clients,
	client_waits, client_is_young, client_is_overdue, client_lingers_on,
	quiet_lines_are_due, refused_client_lingers, listener_is_lost,
	control_pauses, generation_is_due, watchdog_is_due, stop_goes_on,
};

#define PARTS (sizeof(parts) / sizeof(parts[0]))

static void
begin(size_t part, int64_t at)
{
	server_begin("");
	generation_at = notify_at = CLOCK_NEVER;
	assert_int_equal(turn_sleep(&server, now), -1);
	parts[part](at);
}

static void
end(void)
{
	struct client *client = server.service.clients.slots;
	uint32_t slot;

	for (slot = 0; slot < server.service.clients.used; slot++, client++)
		if (client->phase > CLIENT_WAITING)
			close(client->fd);
	server_teardown(NULL);
}

static void
a_deadline_that_has_passed_is_no_time_to_sleep(void **state)
{
	size_t part;

	(void)state;
	for (part = 0; part < PARTS; part++) {
		begin(part, now = 1000 * CLOCK_SECOND);
		if (turn_sleep(&server, now) != 0 ||
		    turn_sleep(&server, now + 1) != 0 ||
		    turn_sleep(&server, now + 3600 * CLOCK_SECOND) != 0)
			fail_msg("part %zu is slept through", part);
		end();
	}
}

static void
a_deadline_to_come_is_rounded_up(void **state)
{
	size_t part;

	(void)state;
	for (part = 0; part < PARTS; part++) {
		begin(part, (now = 1000 * CLOCK_SECOND) + 5 * CLOCK_MS + 1);
		if (turn_sleep(&server, now) != 6 ||
		    turn_sleep(&server, now + 1) != 5 ||
		    turn_sleep(&server, now + 5 * CLOCK_MS) != 1)
			fail_msg("part %zu: %d ms", part,
			    turn_sleep(&server, now));
		end();
	}
}

/* The turn before took longer than any of them. */
static void
a_turn_deals_with_what_is_due(void **state)
{
	size_t part;

	(void)state;
	for (part = 0; part < PARTS; part++) {
		begin(part, now = 1000 * CLOCK_SECOND);
		now += 3600 * CLOCK_SECOND;
		turn_work(&server, now);
		/* One more to say "full" is over, a second later. */
		if (turn_sleep(&server, now) == 0)
			fail_msg("part %zu keeps the loop awake", part);
		end();
	}
}

static void
a_reload_that_is_wanted_is_no_time_to_sleep(void **state)
{
	(void)state;
	server_begin("");
	server_reader_hangs();
	generation_at = notify_at = CLOCK_NEVER;
	server.reload.wanted = true;
	assert_int_equal(turn_sleep(&server, now), 0);
	turn_work(&server, now);
	assert_non_null(server.reload.load);
	assert_int_equal(turn_sleep(&server, now), -1);
	end();
}

static void
the_nearest_deadline_counts(void **state)
{
	(void)state;
	server_begin("");
	generation_at = notify_at = CLOCK_NEVER;
	notify_at = now + 40 * CLOCK_MS;
	generation_at = now + 30 * CLOCK_MS;
	server.control.accept_at = now + 50 * CLOCK_MS;
	assert_int_equal(turn_sleep(&server, now), 30);
	generation_at = now + 60 * CLOCK_MS;
	assert_int_equal(turn_sleep(&server, now), 40);
	notify_at = CLOCK_NEVER - 1; /* milliseconds fit an int */
	generation_at = server.control.accept_at = CLOCK_NEVER;
	assert_int_equal(turn_sleep(&server, now), 60000);
	end();
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deadline_that_has_passed_is_no_time_to_sleep),
		cmocka_unit_test(a_deadline_to_come_is_rounded_up),
		cmocka_unit_test(a_turn_deals_with_what_is_due),
		cmocka_unit_test(a_reload_that_is_wanted_is_no_time_to_sleep),
		cmocka_unit_test(the_nearest_deadline_counts),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
