/* The lingering close: how clients end whose child has given all away. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/clients/close.h"
#include "master/system/clock.h"
#include "unit/service.h"

#define LARGE 100000 /* bytes that a client with a small buffer cannot take */

/* Keys of a listener with a greeting that is that long. */
static const char *
large_greeting(const char *keys)
{
	static char text[LARGE + 1000];

	memcpy(text, "greeting = \"", 12);
	memset(text + 12, 'x', LARGE);
	snprintf(text + 12 + LARGE, 900, "\"; %s", keys);
	return text;
}

static struct client *
client_of(uint32_t slot)
{
	return &service.clients.slots[slot];
}

static uint64_t
ended(enum outcome outcome)
{
	return service_row(0)->ended[outcome];
}

/* Its child is reaped, and has ended well. */
static void
child_is_done(uint32_t slot)
{
	child_exit(slot, OUTCOME_GREETED);
	reap_step(&service, now);
	/* The next pass over the young. */
	now += 100 * CLOCK_MS;
	reap_step(&service, now);
}

/* One who has all of the greeting in its receive buffer. */
static uint32_t
serve_one(int *fd)
{
	uint32_t slot = client_serve(0, NULL, fd);

	child_greet(slot);
	AWAIT(close_is_done(client_of(slot)));
	return slot;
}

/* One who has not, and will not. */
static uint32_t
serve_slow_one(int *fd)
{
	uint32_t slot;

	*fd = client_connect_slow(0, NULL, 4096);
	service_turn();
	slot = spawner.slots[spawner.n - 1];
	spawner_clone(slot);
	service_turn();
	child_greet(slot);
	return slot;
}

static void
who_has_closed_is_done_at_once(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	slot = serve_one(&fd);
	assert_string_equal(client_read(fd), SERVICE_GREETING);
	close(fd);
	AWAIT(recv(client_of(slot)->fd, &(char) { 0 }, 1,
		  MSG_PEEK | MSG_DONTWAIT) == 0);
	child_is_done(slot);
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	assert_int_equal(service_row(0)->live, 0);
	assert_int_equal(service.counters.lingering, 0);
	assert_int_equal(
	    service.counters.sent_bytes, sizeof(SERVICE_GREETING) - 1);
	assert_non_null(strstr(logged_last("client"), " outcome=greeted "
						      "bytes=10 "));
}

static void
who_has_yet_to_close_lingers_without_a_place(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("limits = { max_clients_per_source = 1; };", "", NULL);
	slot = serve_one(&fd);
	assert_int_equal(service_places(&service), 1);
	child_is_done(slot);
	assert_int_equal(client_of(slot)->phase, CLIENT_LINGERING);
	assert_int_equal(service_row(0)->live, 1);
	assert_int_equal(service_row(0)->lingering, 1);
	assert_int_equal(service_places(&service), 0);
	/* Nor does it count for its source any more. */
	assert_int_equal(client_of(slot)->source, ADMIT_NO_SOURCE);
	assert_string_equal(client_read(fd), SERVICE_GREETING);
	close(fd);
	service_await(EVENT_CLIENT);
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	assert_int_equal(service.counters.live, 0);
	assert_int_equal(service.counters.lingering, 0);
}

static void
lingering_ends_in_time(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "timeouts = { linger = 2.0; };", NULL);
	slot = serve_one(&fd);
	child_is_done(slot);
	assert_true(reap_wakeup(&service) <= now + 2 * CLOCK_SECOND);
	now = reap_wakeup(&service) - 1;
	reap_step(&service, now);
	assert_int_equal(client_of(slot)->phase, CLIENT_LINGERING);
	now++;
	reap_step(&service, now);
	assert_int_equal(client_of(slot)->phase, CLIENT_FREE);
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	assert_string_equal(client_read(fd), SERVICE_GREETING);
	close(fd);
}

static void
without_lingering_all_ends_with_the_child(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "timeouts = { linger = 0; };", NULL);
	slot = serve_one(&fd);
	child_is_done(slot);
	assert_int_equal(client_of(slot)->phase, CLIENT_FREE);
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	assert_string_equal(client_read(fd), SERVICE_GREETING);
	close(fd);
}

/* Whether it has taken all, or not. */
static void
without_lingering_nobody_is_waited_for(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin(
	    "", large_greeting("timeouts = { linger = 0; };"), NULL);
	slot = serve_slow_one(&fd);
	child_is_done(slot);
	assert_int_equal(client_of(slot)->phase, CLIENT_FREE);
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	close(fd);
}

/* A spawner that is stuck has a copy of the descriptor: what its client says is
 * no event any more. */
static void
who_has_ended_is_not_watched(void **state)
{
	struct epoll_event event;
	uint32_t slot;
	int fd, copy;

	(void)state;
	service_begin("", "", NULL);
	slot = serve_one(&fd);
	copy = dup(client_of(slot)->fd);
	child_is_done(slot);
	assert_int_equal(client_of(slot)->phase, CLIENT_LINGERING);
	close_cut(&service, slot, now);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	AWAIT(recv(copy, &(char) { 0 }, 1, MSG_PEEK | MSG_DONTWAIT) == 1);
	assert_int_equal(epoll_wait(service.epoll, &event, 1, 0), 0);
	close(copy);
	close(fd);
}

/* What it says is thrown away; up to a limit, then it is not heard any more. */
static void
a_flood_is_not_read_for_ever(void **state)
{
	static char flood[1 << 16];
	uint64_t before;
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	slot = serve_one(&fd);
	child_is_done(slot);
	assert_int_equal(client_of(slot)->phase, CLIENT_LINGERING);
	do {
		before = client_of(slot)->closing.bytes;
		assert_true(before <= 16 << 20);
		if (send(fd, flood, sizeof(flood), MSG_NOSIGNAL) <= 0)
			break;
		AWAIT(recv(client_of(slot)->fd, flood, 1,
			  MSG_PEEK | MSG_DONTWAIT) == 1);
		service_events();
	} while (client_of(slot)->phase == CLIENT_LINGERING);
	assert_int_equal(client_of(slot)->phase, CLIENT_FREE);
	assert_true(before > (16 << 20) - (1 << 20));
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	close(fd);
}

static int64_t moved; /* when the client took something last */

/* True when the look that is due has ended it. */
static bool
look_is_last(uint32_t slot)
{
	now = client_of(slot)->deadline;
	moved = client_of(slot)->closing.moved;
	reap_step(&service, now);
	return client_of(slot)->phase == CLIENT_FREE;
}

/* A client's slot whose child is done, while the client has yet to take most. */
static uint32_t
slow_one_is_closing(int *fd)
{
	uint32_t slot;

	service_begin("",
	    large_greeting("timeouts = { send = 1.0; linger = 0.2; };"),
	    NULL);
	slot = serve_slow_one(fd);
	child_is_done(slot);
	return slot;
}

/* Looks follow each other at 1, 2, 4 ... 64 ms while it takes nothing. */
static void
who_takes_nothing_is_given_up(void **state)
{
	static char part[8192];
	int64_t begun, step = CLOCK_MS;
	size_t taken = 0;
	uint32_t slot;
	ssize_t n;
	int fd;

	(void)state;
	slot = slow_one_is_closing(&fd);
	assert_int_equal(client_of(slot)->phase, CLIENT_CLOSING);
	assert_int_equal(service_places(&service), 0);
	begun = now = client_of(slot)->deadline;
	reap_step(&service, now);
	for (; now < begun + 900 * CLOCK_MS; step *= 2) {
		assert_int_equal(client_of(slot)->phase, CLIENT_CLOSING);
		assert_int_equal(client_of(slot)->deadline - now,
		    step < 64 * CLOCK_MS ? step : 64 * CLOCK_MS);
		now = client_of(slot)->deadline;
		reap_step(&service, now);
	}
	AWAIT(look_is_last(slot));
	/* Its kernel may have taken a little on the way. */
	assert_true(now >= moved + CLOCK_SECOND);
	assert_true(now <= moved + CLOCK_SECOND + 64 * CLOCK_MS);
	assert_int_equal(ended(OUTCOME_SEND_TIMEOUT), 1);
	/* What it never took does not stay in the kernel. */
	while ((n = recv(fd, part, sizeof(part), 0)) > 0)
		taken += (size_t)n;
	assert_true(n == -1 && errno == ECONNRESET);
	assert_true(taken < LARGE);
	close(fd);
}

/* From when it took something last, not from the first look. */
static void
who_takes_nothing_has_done_so_for_a_while(void **state)
{
	const struct timespec pause = { 0, 300 * 1000000 };
	uint32_t slot;
	int fd;

	(void)state;
	slot = slow_one_is_closing(&fd);
	nanosleep(&pause, NULL);
	now = client_of(slot)->deadline;
	reap_step(&service, now);
	assert_int_equal(client_of(slot)->phase, CLIENT_CLOSING);
	assert_true(client_of(slot)->closing.moved <= now - 50 * CLOCK_MS);
	assert_true(client_of(slot)->closing.moved >= now - 500 * CLOCK_MS);
	close(fd);
}

/* As long as it takes something it has time; then it lingers like all. */
static void
who_takes_slowly_gets_everything(void **state)
{
	static char part[8192];
	size_t taken = 0;
	uint32_t slot;
	ssize_t n;
	int fd;

	(void)state;
	slot = slow_one_is_closing(&fd);
	while (taken < LARGE) {
		assert_int_equal(client_of(slot)->phase, CLIENT_CLOSING);
		n = recv(fd, part, sizeof(part), 0);
		assert_true(n > 0);
		taken += (size_t)n;
		now = client_of(slot)->deadline;
		reap_step(&service, now);
		if (client_of(slot)->phase != CLIENT_CLOSING)
			break;
	}
	while (taken < LARGE && (n = recv(fd, part, sizeof(part), 0)) > 0)
		taken += (size_t)n;
	AWAIT(close_is_done(client_of(slot)));
	if (client_of(slot)->phase == CLIENT_CLOSING) {
		now = client_of(slot)->deadline;
		reap_step(&service, now);
	}
	assert_int_equal(client_of(slot)->phase, CLIENT_LINGERING);
	/* From when it had everything. */
	assert_int_equal(client_of(slot)->deadline, now + 200 * CLOCK_MS);
	now += 200 * CLOCK_MS;
	reap_step(&service, now);
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	assert_int_equal(taken, LARGE);
	close(fd);
}

static void
the_session_ends_a_close_too(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("",
	    large_greeting("timeouts = { send = 9.0; session = 3.0; "
			   "linger = 8.0; };"),
	    NULL);
	slot = serve_slow_one(&fd);
	child_is_done(slot);
	assert_int_equal(client_of(slot)->deadline, client_of(slot)->expires);
	now = client_of(slot)->expires;
	reap_step(&service, now);
	assert_int_equal(ended(OUTCOME_SESSION_TIMEOUT), 1);
	close(fd);
}

static void
a_reset_while_it_takes_is_a_reset(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", large_greeting(""), NULL);
	slot = serve_slow_one(&fd);
	child_is_done(slot);
	AWAIT(recv(fd, &(char) { 0 }, 1, MSG_DONTWAIT) == 1);
	client_reset(fd);
	service_await(EVENT_CLIENT);
	assert_int_equal(client_of(slot)->phase, CLIENT_FREE);
	assert_int_equal(ended(OUTCOME_RESET), 1);
}

static void
a_client_that_goes_while_it_takes_is_gone(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", large_greeting(""), NULL);
	slot = serve_slow_one(&fd);
	child_is_done(slot);
	assert_int_equal(shutdown(fd, SHUT_WR), 0);
	AWAIT(recv(client_of(slot)->fd, &(char) { 0 }, 1,
		  MSG_PEEK | MSG_DONTWAIT) == 0);
	service_events();
	assert_true(client_of(slot)->closing.ended);
	assert_int_equal(client_of(slot)->phase, CLIENT_CLOSING);
	close(fd);
	AWAIT(look_is_last(slot));
	assert_int_equal(ended(OUTCOME_CLIENT_GONE), 1);
}

/* A port check: it went without a word and has acknowledged nothing. */
static void
who_takes_and_says_nothing_is_a_probe(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	slot = client_serve(0, NULL, &fd);
	client_reset(fd);
	child_exit(slot, OUTCOME_RESET);
	reap_step(&service, now);
	assert_int_equal(ended(OUTCOME_PROBED), 1);
	slot = client_serve(0, NULL, &fd);
	assert_int_equal(send(fd, "x", 1, MSG_NOSIGNAL), 1);
	AWAIT(recv(client_of(slot)->fd, &(char) { 0 }, 1,
		  MSG_PEEK | MSG_DONTWAIT) == 1);
	client_reset(fd);
	child_exit(slot, OUTCOME_RESET);
	now += CLOCK_SECOND;
	reap_step(&service, now);
	assert_int_equal(ended(OUTCOME_PROBED), 1);
	assert_int_equal(ended(OUTCOME_RESET), 1);
}

static void
a_cut_says_whether_it_was_too_early(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	slot = serve_one(&fd);
	child_is_done(slot);
	close_cut(&service, slot, now);
	assert_int_equal(ended(OUTCOME_GREETED), 1);
	close(fd);
	service_teardown(NULL);
	service_begin("", large_greeting(""), NULL);
	slot = serve_slow_one(&fd);
	child_is_done(slot);
	close_cut(&service, slot, now);
	assert_int_equal(ended(OUTCOME_KILLED), 1);
	assert_int_equal(service.counters.lingering, 0);
	assert_int_equal(service.clients.n_heap, 0);
	close(fd);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(who_has_closed_is_done_at_once),
		TEST(who_has_yet_to_close_lingers_without_a_place),
		TEST(lingering_ends_in_time),
		TEST(without_lingering_all_ends_with_the_child),
		TEST(without_lingering_nobody_is_waited_for),
		TEST(who_has_ended_is_not_watched),
		TEST(a_flood_is_not_read_for_ever),
		TEST(who_takes_nothing_is_given_up),
		TEST(who_takes_nothing_has_done_so_for_a_while),
		TEST(who_takes_slowly_gets_everything),
		TEST(the_session_ends_a_close_too),
		TEST(a_reset_while_it_takes_is_a_reset),
		TEST(a_client_that_goes_while_it_takes_is_gone),
		TEST(who_takes_and_says_nothing_is_a_probe),
		TEST(a_cut_says_whether_it_was_too_early),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
