/* Polling listeners: under which index, muted, lost and had back. */
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
#include <unistd.h>

#include "master/listeners/listeners.h"
#include "master/listeners/watch.h"
#include "master/system/clock.h"
#include "master/system/events.h"
#include "unit/confs.h"
#include "unit/logged.h"

#define N 3

static struct watch watch;
static struct listeners listeners;
static struct listener list[N];
static int64_t now;
static int listen_error; /* of the next listen(2)s; 0: they work */

int __real_listen(int fd, int backlog);
int __wrap_listen(int fd, int backlog);

int
__wrap_listen(int fd, int backlog)
{
	if (listen_error == 0)
		return __real_listen(fd, backlog);
	errno = listen_error;
	return -1;
}

/* Three listeners on an address of this process' own, the last one skipped.
 * The kernel would not keep a port of its own choice through shutdown(2). */
static int
setup(void **state)
{
	struct sockaddr_storage address;
	struct report report = { 0 };
	socklen_t length;
	char own[32];
	size_t i;

	(void)state;
	logged_clear();
	listen_error = 0;
	now = 1000 * CLOCK_SECOND;
	snprintf(own, sizeof(own), "127.99.%u.%u",
	    (unsigned)getpid() >> 8 & 0xff, 1 + (unsigned)getpid() % 0xff);
	for (i = 0; i < N; i++) {
		list[i] = (struct listener) { .fd = -1, .name = "x",
			.backlog = 8 };
		addr_parse(&list[i].bound, own);
		list[i].bound.port = (uint16_t)(7001 + i);
		if (i == N - 1)
			continue;
		list[i].fd = socket(AF_INET,
		    SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		setsockopt(list[i].fd, SOL_SOCKET, SO_REUSEADDR, &(int) { 1 },
		    sizeof(int));
		length = addr_to_sockaddr(&list[i].bound, &address);
		if (bind(list[i].fd, (struct sockaddr *)&address, length) ==
			-1 || listen(list[i].fd, 8) == -1)
			return -1;
	}
	listeners = (struct listeners) { list, N };
	watch_init(&watch, epoll_create1(EPOLL_CLOEXEC), &listeners);
	if (watch_register(&watch, &listeners, &report) == -1)
		return -1;
	watch_start(&watch);
	return 0;
}

static int
teardown(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N; i++)
		if (list[i].fd != -1)
			close(list[i].fd);
	close(watch.epoll);
	return 0;
}

static int
connect_to(size_t i)
{
	struct sockaddr_storage address;
	socklen_t length = addr_to_sockaddr(&list[i].bound, &address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(
	    connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

/* The next event, for which there is time. */
static struct epoll_event
event(void)
{
	struct epoll_event event;

	assert_int_equal(epoll_wait(watch.epoll, &event, 1, 20000), 1);
	assert_int_equal(event_kind(&event), EVENT_LISTENER);
	return event;
}

static bool
is_quiet(void)
{
	struct epoll_event event;

	return epoll_wait(watch.epoll, &event, 1, 0) == 0;
}

static void
each_that_has_a_socket_is_polled(void **state)
{
	struct epoll_event of;
	int fd;

	(void)state;
	assert_int_equal(logged_count("listen"), 2);
	assert_true(is_quiet());
	fd = connect_to(1);
	of = event();
	assert_int_equal(event_index(&of), 1);
	assert_int_equal(of.events, EPOLLIN);
	close(fd);
}

static void
a_listener_is_readable_once_in_a_turn(void **state)
{
	(void)state;
	watch_event(&watch, 1, EPOLLIN, now);
	assert_int_equal(watch.n_readable, 1);
	assert_false(watch_take(&watch, 0));
	assert_int_equal(watch.n_readable, 1);
	assert_true(watch_take(&watch, 1));
	assert_int_equal(watch.n_readable, 0);
	assert_false(watch_take(&watch, 1));
}

static void
a_muted_one_is_quiet_until_it_is_polled(void **state)
{
	struct epoll_event of;
	int fd;

	(void)state;
	watch_mute(&watch, 0);
	assert_true(list[0].muted && watch.any_muted);
	fd = connect_to(0);
	assert_true(is_quiet());
	watch_poll(&watch, 0);
	assert_false(list[0].muted);
	of = event();
	assert_int_equal(event_index(&of), 0);
	close(fd);
}

/* A configuration that is about to run adds its sockets without polling them,
 * and those it shares with the running one are there already. */
static void
a_candidate_is_not_polled_before_it_runs(void **state)
{
	struct listener fresh[N] = { list[1], list[0] };
	const struct listeners both = { fresh, 2 };
	struct report report = { 0 };
	struct epoll_event of;
	int fd;

	(void)state;
	watch_remove(&watch, &listeners, &(struct listeners) { list, 1 });
	fresh[0].inherited = false;
	fresh[1].inherited = true;
	assert_int_equal(watch_register(&watch, &both, &report), 0);
	fd = connect_to(1);
	assert_true(is_quiet());
	watch.listeners = &(struct listeners) { fresh, 2 };
	watch_start(&watch);
	assert_false(fresh[1].inherited);
	assert_int_equal(logged_count("listen"), 3); /* one is new */
	of = event();
	assert_int_equal(event_index(&of), 0); /* its new index */
	watch.listeners = &listeners;
	close(fd);
}

static void
what_cannot_be_polled_is_said_before_anything_changes(void **state)
{
	struct listener fresh = { .fd = 0x7fffffff };
	struct report report = { 0 };

	(void)state;
	assert_int_equal(
	    watch_register(&watch, &(struct listeners) { &fresh, 1 }, &report),
	    -1);
	assert_int_equal(report.errors, 1);
}

static void
who_is_not_kept_is_taken_from_epoll(void **state)
{
	int fds[2], other = dup(list[0].fd);

	(void)state;
	fds[0] = connect_to(0);
	watch_remove(&watch, &listeners, &(struct listeners) { list + 1, 1 });
	assert_true(is_quiet());
	fds[1] = connect_to(1);
	event();
	close(fds[0]);
	close(fds[1]);
	close(other);
}

/* Another owner of the socket ends it: it does not spin, is said, and is had
 * back. */
static void
a_lost_listener_is_had_back(void **state)
{
	struct epoll_event of;
	int fd;

	(void)state;
	assert_int_equal(shutdown(list[1].fd, SHUT_RDWR), 0);
	of = event();
	assert_true((of.events & EPOLLHUP) != 0);
	watch_event(&watch, event_index(&of), of.events, now);
	assert_true(list[1].lost);
	assert_int_equal(watch.n_readable, 0);
	assert_int_equal(logged_count("lost"), 1);
	assert_true(is_quiet());
	assert_int_equal(watch.revive_at, now);
	watch_step(&watch, now);
	assert_false(list[1].lost || list[1].muted);
	assert_int_equal(logged_count("listen"), 3);
	assert_int_equal(watch.revive_at, CLOCK_NEVER);
	fd = connect_to(1);
	of = event();
	assert_int_equal(event_index(&of), 1);
	close(fd);
}

/* At most once in a second, and the reason is said once. */
static void
one_that_cannot_be_had_back_is_tried_each_second(void **state)
{
	(void)state;
	shutdown(list[0].fd, SHUT_RDWR);
	watch_event(&watch, 0, EPOLLHUP, now);
	listen_error = EADDRINUSE;
	watch_step(&watch, now);
	assert_true(list[0].lost);
	assert_int_equal(watch.revive_at, now + CLOCK_SECOND);
	assert_int_equal(logged_count("lost"), 2);
	now += CLOCK_SECOND;
	watch_step(&watch, now);
	assert_int_equal(logged_count("lost"), 2);
	assert_int_equal(watch.revive_at, now + CLOCK_SECOND);
	listen_error = EACCES;
	watch_step(&watch, now + CLOCK_SECOND - 1); /* too early */
	assert_int_equal(logged_count("lost"), 2);
	now += CLOCK_SECOND;
	watch_step(&watch, now);
	assert_int_equal(logged_count("lost"), 3);
	listen_error = 0;
	now += CLOCK_SECOND;
	watch_step(&watch, now);
	assert_false(list[0].lost);
	assert_int_equal(list[0].error, 0);
	/* Lost again at once: not before the second is over. */
	shutdown(list[0].fd, SHUT_RDWR);
	watch_event(&watch, 0, EPOLLHUP, now + 1);
	assert_int_equal(watch.revive_at, now + CLOCK_SECOND);
}

/* One that epoll does not have is lost. */
static void
one_that_cannot_be_polled_is_lost(void **state)
{
	(void)state;
	epoll_ctl(watch.epoll, EPOLL_CTL_DEL, list[0].fd, NULL);
	watch_poll(&watch, 0);
	assert_true(list[0].lost);
	assert_true(watch.revive_at <= now);
	watch_step(&watch, now);
	assert_false(list[0].lost);
	close(connect_to(0));
	event();
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(each_that_has_a_socket_is_polled),
		TEST(a_listener_is_readable_once_in_a_turn),
		TEST(a_muted_one_is_quiet_until_it_is_polled),
		TEST(a_candidate_is_not_polled_before_it_runs),
		TEST(what_cannot_be_polled_is_said_before_anything_changes),
		TEST(who_is_not_kept_is_taken_from_epoll),
		TEST(a_lost_listener_is_had_back),
		TEST(one_that_cannot_be_had_back_is_tried_each_second),
		TEST(one_that_cannot_be_polled_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
