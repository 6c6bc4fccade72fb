/* The end of children: who is asked after, deadlines, what the end means. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/tcp.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/close.h"
#include "master/clients/hand_over.h"
#include "master/system/clock.h"
#include "unit/service.h"

#define OLD_AGE (100 * CLOCK_MS)
#define MISSES 8 /* in one pass */

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

static void
step(int64_t later)
{
	now += later;
	reap_step(&service, now);
}

static void
serve_some(uint32_t *slots, int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		slots[i] = client_serve(0, NULL, &fds[i]);
}

/* The next TCP_INFO is from before all acknowledgements. */
static bool is_early;

int __real_getsockopt(
    int fd, int level, int name, void *value, socklen_t *length);
int __wrap_getsockopt(
    int fd, int level, int name, void *value, socklen_t *length);

int
__wrap_getsockopt(int fd, int level, int name, void *value, socklen_t *length)
{
	int result = __real_getsockopt(fd, level, name, value, length);

	if (level == IPPROTO_TCP && name == TCP_INFO && is_early) {
		((struct tcp_info *)value)->tcpi_bytes_acked = 0;
		is_early = false;
	}
	return result;
}

static uint64_t
acked(uint32_t slot)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	getsockopt(client_of(slot)->fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	return info.tcpi_bytes_acked;
}

static void
close_all(const int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		close(fds[i]);
}

static void
an_end_is_what_the_status_says(int signal, int status, enum outcome outcome,
    size_t crashes)
{
	uint32_t slot;
	int fd;

	service_begin("", "", NULL);
	slot = client_serve(0, NULL, &fd);
	if (write(fd, "x", 1) == 1) /* else it was a probe */
		AWAIT(recv(client_of(slot)->fd, &(char) { 0 }, 1,
			  MSG_PEEK | MSG_DONTWAIT) == 1);
	if (signal != 0)
		child_kill(slot, signal);
	else
		child_exit(slot, status);
	step(0);
	assert_int_equal(ended(outcome), 1);
	assert_int_equal(service_row(0)->live, 0);
	assert_int_equal(spawner.crashes, crashes);
	if (crashes > 0)
		assert_int_equal(spawner.crashed, SERVICE_GENERATION);
	assert_int_equal(logged_count("client"), 1);
	close(fd);
	service_teardown(NULL);
}

/* A crash, and a call that the sandbox refuses, are the generation's end. */
static void
an_end_has_a_meaning(void **state)
{
	(void)state;
	an_end_is_what_the_status_says(0, 1, OUTCOME_CLIENT_GONE, 0);
	an_end_is_what_the_status_says(0, 2, OUTCOME_RESET, 0);
	an_end_is_what_the_status_says(0, 3, OUTCOME_SEND_TIMEOUT, 0);
	an_end_is_what_the_status_says(0, 99, OUTCOME_CRASHED, 1);
	an_end_is_what_the_status_says(SIGSEGV, 0, OUTCOME_CRASHED, 1);
	an_end_is_what_the_status_says(SIGSYS, 0, OUTCOME_VIOLATION, 1);
	an_end_is_what_the_status_says(SIGALRM, 0, OUTCOME_SESSION_TIMEOUT, 0);
	an_end_is_what_the_status_says(SIGXCPU, 0, OUTCOME_CPU_LIMIT, 0);
	an_end_is_what_the_status_says(SIGTERM, 0, OUTCOME_KILLED, 0);
}

/* How much an answer was is known, whenever it is acknowledged. */
static void
what_was_sent_is_counted_once(void **state)
{
	const size_t length = strlen(SERVICE_GREETING);
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	slot = client_serve(0, NULL, &fd);
	client_of(slot)->asks = true;
	client_of(slot)->greeting_length = 0;
	child_greet(slot);
	AWAIT(acked(slot) == length + 1);
	child_exit(slot, 0);
	is_early = true;
	step(0);
	assert_false(is_early);
	assert_int_equal(client_of(slot)->greeting_length, length);
	close(fd);
}

/* A pass asks after so many that live, the longest unasked first; the next one
 * follows soon when it has not got to all. */
static void
the_young_are_asked_after_in_turn(void **state)
{
	uint32_t slots[MISSES + 2];
	int fds[MISSES + 2];

	(void)state;
	service_begin("", "", NULL);
	serve_some(slots, fds, MISSES + 2);
	child_kill(slots[MISSES + 1], SIGTERM);
	step(0);
	assert_int_equal(service_row(0)->live, MISSES + 2);
	assert_int_equal(
	    service.clients.list[CLIENT_YOUNG].head, slots[MISSES]);
	assert_int_equal(reap_wakeup(&service), now + CLOCK_MS);
	step(CLOCK_MS - 1); /* too early */
	assert_int_equal(service_row(0)->live, MISSES + 2);
	step(1);
	assert_int_equal(service_row(0)->live, MISSES + 1);
	assert_int_equal(ended(OUTCOME_KILLED), 1);
	close_all(fds, MISSES + 2);
}

/* Then nobody looks again before that time, unless a child has ended. */
static void
a_pass_over_all_has_time_until_the_next(void **state)
{
	uint32_t slots[2];
	int fds[2];

	(void)state;
	service_begin("", "", NULL);
	serve_some(slots, fds, 2);
	step(0);
	assert_int_equal(reap_wakeup(&service), now + 10 * CLOCK_MS);
	reap_hint(&service, 0, now);
	assert_int_equal(reap_wakeup(&service), now + CLOCK_MS);
	close_all(fds, 2);
}

/* SIGCHLD names one of those that have ended: it is reaped at once. */
static void
the_child_that_a_signal_names_is_reaped_at_once(void **state)
{
	uint32_t slots[2];
	int fds[2];
	pid_t pid;

	(void)state;
	service_begin("", "", NULL);
	serve_some(slots, fds, 2);
	step(0);
	pid = client_of(slots[1])->pid;
	reap_hint(&service, pid, now); /* it lives */
	assert_int_equal(service_row(0)->live, 2);
	child_kill(slots[1], SIGTERM);
	reap_hint(&service, pid, now);
	assert_int_equal(service_row(0)->live, 1);
	assert_int_equal(client_of(slots[1])->phase, CLIENT_FREE);
	close_all(fds, 2);
}

static void
who_grows_old_is_watched(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "timeouts = { session = 3.0; };", NULL);
	slot = client_serve(0, NULL, &fd);
	step(OLD_AGE);
	assert_int_equal(client_of(slot)->phase, CLIENT_YOUNG);
	step(10 * CLOCK_MS);
	assert_int_equal(client_of(slot)->phase, CLIENT_WATCHED);
	assert_int_not_equal(client_of(slot)->pidfd, -1);
	/* Nobody needs to ask any more; the child's own timer is first. */
	assert_int_equal(reap_wakeup(&service),
	    client_of(slot)->expires + 250 * CLOCK_MS);
	child_kill(slot, SIGTERM);
	service_await(EVENT_CLIENT);
	assert_int_equal(ended(OUTCOME_KILLED), 1);
	close(fd);
}

/* Without a descriptor to spare: asked after when some child has ended. */
static void
who_cannot_be_watched_is_asked_after(void **state)
{
	struct rlimit before, limit;
	uint32_t slots[2];
	int fds[2];

	(void)state;
	service_begin("", "", NULL);
	serve_some(slots, fds, 2);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	limit = before;
	limit.rlim_cur = 60;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	step(OLD_AGE + 1);
	assert_int_equal(client_of(slots[0])->phase, CLIENT_UNWATCHED);
	assert_int_equal(client_of(slots[0])->pidfd, -1);
	assert_int_equal(service.clients.list[CLIENT_UNWATCHED].count, 2);
	child_kill(slots[0], SIGTERM);
	step(CLOCK_SECOND); /* nobody has said anything */
	assert_int_equal(service_row(0)->live, 2);
	reap_hint(&service, 0, now); /* some other child */
	step(0);
	assert_int_equal(service_row(0)->live, 1);
	assert_int_equal(client_of(slots[1])->phase, CLIENT_UNWATCHED);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	reap_hint(&service, 0, now);
	step(0); /* a millisecond after the last look, at the earliest */
	assert_int_equal(client_of(slots[1])->phase, CLIENT_UNWATCHED);
	assert_int_equal(reap_wakeup(&service), now + CLOCK_MS);
	step(CLOCK_MS);
	assert_int_equal(client_of(slots[1])->phase, CLIENT_WATCHED);
	close_all(fds, 2);
}

/* The child's own timer, then SIGTERM, then SIGKILL. */
static void
a_child_that_stays_is_told_then_killed(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "timeouts = { session = 1.0; };", NULL);
	slot = client_serve(0, NULL, &fd);
	child_deafen(slot);
	step(OLD_AGE + 1);
	now = client_of(slot)->expires + 250 * CLOCK_MS - 1;
	step(0);
	assert_int_equal(client_of(slot)->ending, ENDING_NOT);
	step(1);
	assert_int_equal(client_of(slot)->ending, ENDING_DEADLINE);
	assert_int_equal(reap_wakeup(&service), now + 500 * CLOCK_MS);
	step(500 * CLOCK_MS - 1);
	assert_false(child_has_died(slot, SIGKILL));
	step(1);
	AWAIT(child_has_died(slot, SIGKILL));
	service_await(EVENT_CLIENT);
	assert_int_equal(ended(OUTCOME_SESSION_TIMEOUT), 1);
	close(fd);
}

static void
sigterm_is_enough_for_most(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "timeouts = { session = 1.0; };", NULL);
	slot = client_serve(0, NULL, &fd);
	step(OLD_AGE + 1);
	now = client_of(slot)->expires + 250 * CLOCK_MS;
	step(0);
	AWAIT(child_has_died(slot, SIGTERM));
	service_await(EVENT_CLIENT);
	assert_int_equal(ended(OUTCOME_SESSION_TIMEOUT), 1);
	close(fd);
}

static void
deadlines_come_in_their_order(void **state)
{
	uint32_t late, early;
	int fds[2];

	(void)state;
	service_begin("", "timeouts = { session = 3.0; };",
	    "timeouts = { session = 1.0; };");
	late = client_serve(0, NULL, &fds[0]);
	early = client_serve(1, NULL, &fds[1]);
	step(OLD_AGE + 1);
	assert_int_equal(reap_wakeup(&service), client_of(early)->deadline);
	now = client_of(early)->deadline;
	step(0);
	assert_int_equal(client_of(early)->ending, ENDING_DEADLINE);
	assert_int_equal(client_of(late)->ending, ENDING_NOT);
	AWAIT(child_has_died(early, SIGTERM));
	close_all(fds, 2);
}

/* The signal of a daemon that stops goes to all; who has no child any more is
 * closed. */
static void
the_end_of_the_daemon_comes_to_all(void **state)
{
	uint32_t slots[2];
	int fds[2];

	(void)state;
	service_begin("", "", NULL);
	serve_some(slots, fds, 2);
	child_greet(slots[0]);
	child_exit(slots[0], OUTCOME_GREETED);
	step(0);
	assert_true(client_lingers(client_of(slots[0])));
	serve_end(&service, SIGKILL, now);
	assert_int_equal(client_of(slots[0])->phase, CLIENT_FREE);
	AWAIT(child_has_died(slots[1], SIGKILL));
	step(CLOCK_SECOND);
	assert_int_equal(ended(OUTCOME_KILLED), 1);
	assert_true(serve_is_idle(&service));
	close_all(fds, 2);
}

/* Connections that linger have a bound of their own. */
static void
one_more_who_lingers_makes_room(void **state)
{
	uint32_t slots[2];
	int fds[2];
	size_t i;

	(void)state;
	service_begin("", "", NULL);
	service.lingering_max = 1;
	serve_some(slots, fds, 2);
	for (i = 0; i < 2; i++) {
		child_greet(slots[i]);
		AWAIT(close_is_done(client_of(slots[i])));
		child_exit(slots[i], OUTCOME_GREETED);
		step(20 * CLOCK_MS);
		assert_int_equal(service_row(0)->lingering, 1);
	}
	assert_int_equal(client_of(slots[0])->phase, CLIENT_FREE);
	close_all(fds, 2);
}

/* Somebody else's pid, or one that has been reaped in another's name: wait4(2)
 * fails, and the client ends as one whose child was killed. */
static void
a_pid_that_is_no_child_ends_its_client(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	slot = client_serve(0, NULL, &fd);
	client_of(slot)->pid = 1;
	step(0);
	assert_int_equal(ended(OUTCOME_KILLED), 1);
	assert_int_equal(service_row(0)->live, 0);
	close(fd);
}

/* A process and a descriptor are free again: nobody waits for longer who waits for
 * one. */
static void
an_end_makes_room_at_once(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", "timeouts = { linger = 0; };", NULL);
	slot = client_serve(0, NULL, &fd);
	backoff_fail(&service.forking, "clone", EAGAIN, now);
	backoff_fail(&service.accepting, "accept", EMFILE, now);
	assert_true(hand_over_wakeup(&service) > now);
	assert_true(accept_wakeup(&service) > now);
	child_exit(slot, 0);
	step(0);
	assert_int_equal(service_row(0)->live, 0);
	assert_true(hand_over_wakeup(&service) <= now);
	assert_true(accept_wakeup(&service) <= now);
	hand_over_step(&service, now);
	accept_step(&service, now);
	assert_false(backoff_waits(&service.forking));
	assert_false(backoff_waits(&service.accepting));
	close(fd);
}

/* A child may end before its spawner has said its pid: then SIGCHLD has named
 * nobody, and who waits for room would wait for the next pass. */
static void
nobody_who_waits_for_room_waits_for_a_pass(void **state)
{
	uint32_t slots[4];
	int fds[4];
	size_t i;

	(void)state;
	service_begin("", "timeouts = { linger = 0; };", NULL);
	serve_some(slots, fds, 4);
	step(0);
	for (i = 0; i < 4; i++) {
		service.forking = service.accepting = BACKOFF_NONE;
		service.watch.any_muted = i == 2;
		if (i == 0)
			backoff_fail(&service.forking, "clone", EAGAIN, now);
		if (i == 1)
			backoff_fail(&service.accepting, "accept", EMFILE, now);
		child_exit(slots[i], 0);
		step(0);
		assert_int_equal(service_row(0)->live, 4 - i);
		reap_hint(&service, 0, now);
		step(0);
		assert_int_equal(service_row(0)->live, i < 3 ? 3 - i : 1);
	}
	service.watch.any_muted = false;
	close_all(fds, 4);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_has_a_meaning),
		TEST(what_was_sent_is_counted_once),
		TEST(the_young_are_asked_after_in_turn),
		TEST(a_pass_over_all_has_time_until_the_next),
		TEST(the_child_that_a_signal_names_is_reaped_at_once),
		TEST(who_grows_old_is_watched),
		TEST(who_cannot_be_watched_is_asked_after),
		TEST(a_child_that_stays_is_told_then_killed),
		TEST(sigterm_is_enough_for_most),
		TEST(deadlines_come_in_their_order),
		TEST(the_end_of_the_daemon_comes_to_all),
		TEST(one_more_who_lingers_makes_room),
		TEST(a_pid_that_is_no_child_ends_its_client),
		TEST(an_end_makes_room_at_once),
		TEST(nobody_who_waits_for_room_waits_for_a_pass),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
