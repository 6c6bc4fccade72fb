/* Stopping: the stages, what hurries them, and when it is over. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/reload.h"
#include "master/stop.h"
#include "master/system/clock.h"
#include "unit/top/server.h"


static int signals[8]; /* that all children got */
static size_t n_signals;

void __wrap_serve_end(struct service *of, int signal, int64_t now);

void
__wrap_serve_end(struct service *of, int signal, int64_t when)
{
	(void)of;
	(void)when;
	assert_true(n_signals < sizeof(signals) / sizeof(signals[0]));
	signals[n_signals++] = signal;
}

static int
setup_stop(void **state)
{
	(void)state;
	n_signals = 0;
	server_begin("");
	/* One that has a process, so that it is not over at once. */
	server.service.counters.live = 1;
	return 0;
}

static int
teardown_stop(void **state)
{
	server.service.counters.live = 0;
	return server_teardown(state);
}

static int
shutdown_ms(void)
{
	return (int)server.running.conf->timeouts.shutdown_ms;
}

static void
clients_may_finish_first(void **state)
{
	int copy = dup(server.running.listeners.list[0].fd);
	unsigned fds = confs_count_fds();
	struct epoll_event event;

	(void)state;
	server.reload.wanted = true;
	reload_step(&server, now);
	stop_signal(&server, SIGTERM, now);
	assert_int_equal(server.stop.stage, STOP_DRAIN);
	assert_int_equal(server.stop.at, now + shutdown_ms() * CLOCK_MS);
	assert_int_equal(n_signals, 0);
	assert_string_equal(
	    logged_last("stop"), "stop signal=TERM clients=1");
	assert_true(server.overview.stopping);
	assert_false(server.service.is_open);
	assert_int_equal(server.running.listeners.n, 0);
	assert_int_equal(confs_count_fds(), fds - 1); /* the listener's */
	assert_null(server.reload.candidate);
	assert_string_equal(server.control.closed_why,
	    "control: the daemon is stopping");
	assert_false(stop_is_over(&server));
	/* Another process may have it still: it listens no more, and is no
	 * event. */
	assert_int_equal(shutdown(copy, SHUT_RDWR), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(epoll_wait(server.epoll, &event, 1, 0), 0);
	close(copy);
}

static void
stages_follow_by_themselves(void **state)
{
	(void)state;
	stop_step(&server, now); /* nobody has said so */
	assert_int_equal(server.stop.stage, STOP_NOT);
	stop_signal(&server, SIGINT, now);
	assert_string_equal(logged_last("stop"), "stop signal=INT clients=1");
	now = server.stop.at - 1;
	stop_step(&server, now);
	assert_int_equal(server.stop.stage, STOP_DRAIN);
	now++;
	stop_step(&server, now);
	assert_int_equal(server.stop.stage, STOP_TERM);
	assert_int_equal(n_signals, 1);
	assert_int_equal(signals[0], SIGTERM);
	assert_int_equal(server.stop.at, now + CLOCK_SECOND);
	stop_step(&server, now);
	assert_int_equal(n_signals, 1);
	now += CLOCK_SECOND;
	stop_step(&server, now);
	assert_int_equal(server.stop.stage, STOP_KILL);
	assert_int_equal(signals[1], SIGKILL);
	now += CLOCK_SECOND; /* again, as long as somebody is left */
	stop_step(&server, now);
	assert_int_equal(n_signals, 3);
	assert_int_equal(signals[2], SIGKILL);
	server.service.counters.live = 0;
	now += CLOCK_SECOND;
	stop_step(&server, now);
	assert_int_equal(n_signals, 3);
}

static void
one_more_signal_hurries(void **state)
{
	(void)state;
	stop_signal(&server, SIGTERM, now);
	stop_signal(&server, SIGINT, now);
	assert_int_equal(server.stop.stage, STOP_TERM);
	assert_int_equal(signals[0], SIGTERM);
	stop_signal(&server, SIGTERM, now);
	assert_int_equal(server.stop.stage, STOP_KILL);
	assert_int_equal(signals[1], SIGKILL);
	assert_int_equal(logged_count("stop"), 1);
}

static void
sigquit_is_the_end(void **state)
{
	(void)state;
	stop_signal(&server, SIGQUIT, now);
	assert_int_equal(server.stop.stage, STOP_KILL);
	assert_int_equal(n_signals, 1);
	assert_int_equal(signals[0], SIGKILL);
	assert_string_equal(logged_last("stop"), "stop signal=QUIT clients=1");
}

static void
sigquit_ends_a_stop_that_has_begun(void **state)
{
	(void)state;
	stop_signal(&server, SIGTERM, now);
	stop_signal(&server, SIGQUIT, now);
	assert_int_equal(server.stop.stage, STOP_KILL);
	assert_int_equal(signals[n_signals - 1], SIGKILL);
}

/* With the last client; those that never had a process are not waited for once
 * the time to finish is over. */
static void
it_is_over_with_the_last_client(void **state)
{
	struct service *of = &server.service;
	uint32_t slot;

	(void)state;
	of->counters.live = 0;
	assert_false(stop_is_over(&server));
	of->counters.live = 1;
	stop_signal(&server, SIGTERM, now);
	assert_false(stop_is_over(&server));
	slot = clients_add(&of->clients);
	clients_move(&of->clients, slot, CLIENT_WAITING);
	of->clients.slots[slot].fd = dup(0);
	assert_false(stop_is_over(&server));
	stop_signal(&server, SIGTERM, now);
	assert_true(stop_is_over(&server));
	of->counters.live = 2;
	assert_false(stop_is_over(&server));
	of->counters.live = 0;
	assert_true(stop_is_over(&server));
	of->linger.n = 1; /* a refused client that may not know it yet */
	of->counters.live = 2;
	assert_false(stop_is_over(&server));
	of->linger.n = 0;
}

/* Refused clients are waited for while there is time. */
static void
refused_clients_may_finish_too(void **state)
{
	(void)state;
	server.service.counters.live = 0;
	server.service.linger.n = 1;
	stop_signal(&server, SIGTERM, now);
	assert_false(stop_is_over(&server));
	server.service.linger.n = 0;
	assert_true(stop_is_over(&server));
}

#define TEST(name)                                                            \
	cmocka_unit_test_setup_teardown(name, setup_stop, teardown_stop)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(clients_may_finish_first),
		TEST(stages_follow_by_themselves),
		TEST(one_more_signal_hurries),
		TEST(sigquit_is_the_end),
		TEST(sigquit_ends_a_stop_that_has_begun),
		TEST(it_is_over_with_the_last_client),
		TEST(refused_clients_may_finish_too),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
