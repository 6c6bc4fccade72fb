/* Reloading: what is replaced, what stays, and what the result is called. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "master/reload.h"
#include "master/system/clock.h"
#include "unit/top/server.h"

#define STDERR_LOG "log = { target = \"stderr\"; };"

static bool register_fails;

int __real_watch_register(const struct watch *watch,
    const struct listeners *fresh, struct report *report);
int __wrap_watch_register(const struct watch *watch,
    const struct listeners *fresh, struct report *report);

int
__wrap_watch_register(const struct watch *watch,
    const struct listeners *fresh, struct report *report)
{
	if (!register_fails)
		return __real_watch_register(watch, fresh, report);
	report_failure(report, EXIT_SYSTEM, "epoll_ctl: made up");
	return -1;
}

/* Wants a reload with that text, and goes as far as it goes by itself. */
static void
reload_to(const char *text)
{
	server_write(text);
	server.reload.wanted = true;
	server_reload();
}

/* Two listeners where there is one. */
static const char *
both(void)
{
	return service_conf(STDERR_LOG, "", "");
}

/* All is as server_begin() left it, but for the count. */
static void
nothing_has_changed(const struct conf *conf, size_t failed)
{
	assert_ptr_equal(server.running.conf, conf);
	assert_int_equal(server.running.listeners.n, 1);
	assert_int_equal(trials.committed, 0);
	assert_int_equal(server.service.counters.reloads_ok, 0);
	assert_int_equal(server.service.counters.reloads_failed, failed);
	assert_false(server.reload.last.ok);
	assert_null(server.reload.candidate);
	assert_null(server.reload.load);
	assert_false(server.reload.on_trial);
	assert_int_equal(logged_count("reload"), failed);
}

static void
has_failed(enum control_status status, const char *line)
{
	assert_int_equal(answers.n, 1);
	assert_int_equal(answers.status, status);
	if (strstr(answers.line, line) == NULL)
		fail_msg("'%s' is not in '%s'", line, answers.line);
}

static void
a_reload_replaces_the_running_setup(void **state)
{
	struct epoll_event event;
	int fd, copy;

	(void)state;
	server_begin("");
	fd = server.running.listeners.list[0].fd;
	reload_to(both());
	assert_true(server.reload.on_trial);
	assert_int_equal(trials.tried, 1);
	assert_int_equal(server.running.listeners.n, 1);
	reload_passed(&server, now);
	assert_int_equal(trials.committed, 1);
	assert_int_equal(server.running.listeners.n, 2);
	assert_int_equal(server.running.listeners.list[0].fd, fd);
	assert_true(server.running.listeners.list[1].listening);
	assert_int_equal(server.service.counters.reloads_ok, 1);
	assert_true(server.reload.last.ok);
	assert_int_equal(server.reload.last.added, 1);
	assert_int_equal(server.reload.last.removed, 0);
	assert_int_equal(answers.status, CONTROL_OK);
	assert_non_null(strstr(logged_last("reload"), "reload result=ok"));
	copy = dup(server.running.listeners.list[1].fd);
	reload_to(service_conf(STDERR_LOG, "", NULL));
	reload_passed(&server, now);
	/* Another process may have it still: it listens no more, and is no
	 * event. */
	assert_int_equal(shutdown(copy, SHUT_RDWR), -1);
	assert_int_equal(errno, ENOTCONN);
	assert_int_equal(epoll_wait(server.epoll, &event, 1, 0), 0);
	close(copy);
	assert_int_equal(server.reload.last.added, 0);
	assert_int_equal(server.reload.last.removed, 1);
	assert_int_equal(server.running.listeners.list[0].fd, fd);
}

static void
a_text_that_is_wrong_changes_nothing(void **state)
{
	const struct conf *conf;
	unsigned fds;

	(void)state;
	server_begin("");
	conf = server.running.conf;
	fds = confs_count_fds();
	reload_to("listeners = 7;\n");
	nothing_has_changed(conf, 1);
	has_failed(CONTROL_CONFIG, "server.conf:1: listeners: ");
	assert_int_equal(trials.tried, 0);
	assert_int_equal(confs_count_fds(), fds);
}

/* The configuration names it: that is its slip. */
static void
a_greeting_that_is_not_there_is_the_texts_fault(void **state)
{
	const struct conf *conf;

	(void)state;
	server_begin("");
	conf = server.running.conf;
	reload_to(service_conf(
	    STDERR_LOG, "greeting_file = \"/nowhere/greeting\";", NULL));
	nothing_has_changed(conf, 1);
	has_failed(CONTROL_CONFIG, "greeting_file");
}

/* The text is sound then. */
static void
an_address_that_is_taken_is_not_the_texts_fault(void **state)
{
	struct sockaddr_storage address;
	const struct conf *conf;
	struct addr other;
	socklen_t length;
	unsigned fds;
	int fd;

	(void)state;
	server_begin("");
	conf = server.running.conf;
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	other = server.running.listeners.list[0].bound;
	other.port++;
	length = addr_to_sockaddr(&other, &address);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
	assert_int_equal(listen(fd, 1), 0);
	fds = confs_count_fds();
	reload_to(both());
	nothing_has_changed(conf, 1);
	has_failed(CONTROL_REFUSED, "bind ");
	assert_int_equal(trials.tried, 0);
	assert_int_equal(confs_count_fds(), fds);
	close(fd);
}

static size_t
rows_in_use(void)
{
	const struct counters *counters = &server.service.counters;
	size_t i, n = 0;

	for (i = 0; i < counters->n_rows; i++)
		n += counters->rows[i].name[0] != '\0';
	return n;
}

static void
a_trial_that_fails_changes_nothing(void **state)
{
	const struct conf *conf;
	unsigned fds;

	(void)state;
	server_begin("");
	conf = server.running.conf;
	fds = confs_count_fds();
	reload_to(both());
	assert_int_equal(rows_in_use(), 2);
	reload_failed(&server, now);
	nothing_has_changed(conf, 1);
	has_failed(CONTROL_REFUSED, "");
	assert_int_equal(rows_in_use(), 1);
	assert_int_equal(confs_count_fds(), fds);
}

static void
a_trial_that_cannot_begin_changes_nothing(void **state)
{
	const struct conf *conf;

	(void)state;
	server_begin("");
	conf = server.running.conf;
	trials.fails = true;
	reload_to(both());
	nothing_has_changed(conf, 1);
	has_failed(CONTROL_REFUSED, "");
}

/* It has passed, but its listeners cannot be polled. */
static void
a_commit_that_fails_changes_nothing(void **state)
{
	const struct conf *conf;
	unsigned fds;

	(void)state;
	server_begin("");
	conf = server.running.conf;
	fds = confs_count_fds();
	reload_to(both());
	register_fails = true;
	reload_passed(&server, now);
	register_fails = false;
	nothing_has_changed(conf, 1);
	has_failed(CONTROL_REFUSED, "epoll_ctl: made up");
	assert_int_equal(trials.abandoned, 1);
	assert_int_equal(confs_count_fds(), fds);
}

/* However often it is wanted meanwhile, one more follows. */
static void
what_is_wanted_meanwhile_is_one_more(void **state)
{
	int i;

	(void)state;
	server_begin("");
	reload_to(both());
	for (i = 0; i < 3; i++) {
		server.reload.wanted = true;
		reload_step(&server, now);
	}
	server.control.reload_wanted = true;
	reload_step(&server, now);
	assert_int_equal(trials.tried, 1);
	assert_int_equal(reload_wakeup(&server), CLOCK_NEVER);
	reload_passed(&server, now);
	assert_int_equal(reload_wakeup(&server), 0);
	server.control.reload_wanted = false;
	server_reload();
	assert_int_equal(trials.tried, 2);
	assert_int_equal(reload_wakeup(&server), CLOCK_NEVER);
	reload_passed(&server, now);
	server_reload();
	assert_int_equal(trials.tried, 2);
	assert_int_equal(server.service.counters.reloads_ok, 2);
}

/* A spawner that replaces one which died has its trial first. */
static void
a_trial_waits_for_the_one_before(void **state)
{
	(void)state;
	server_begin("");
	server_occupy(true);
	reload_to(both());
	assert_non_null(server.reload.candidate);
	assert_false(server.reload.on_trial);
	assert_int_equal(trials.tried, 0);
	server_occupy(false);
	reload_step(&server, now);
	assert_true(server.reload.on_trial);
	reload_passed(&server, now);
	assert_int_equal(server.running.listeners.n, 2);
}

static void
a_reload_is_given_up_at_the_end(void **state)
{
	const struct conf *conf;
	unsigned fds;

	(void)state;
	server_begin("");
	server_reader_hangs();
	conf = server.running.conf;
	fds = confs_count_fds();
	server.reload.wanted = true;
	reload_step(&server, now);
	assert_non_null(server.reload.load);
	reload_cancel(&server);
	assert_int_equal(trials.abandoned, 0);
	nothing_has_changed(conf, 0);
	server.reader = confs_reader();
	reload_to(both());
	server.reload.wanted = true;
	reload_cancel(&server);
	assert_int_equal(trials.abandoned, 1);
	assert_false(server.reload.wanted);
	nothing_has_changed(conf, 0);
	assert_int_equal(confs_count_fds(), fds);
}

static void
nothing_is_reloaded_before_or_after_serving(void **state)
{
	(void)state;
	server_begin("");
	server.ready = false;
	server.reload.wanted = true;
	reload_step(&server, now);
	assert_null(server.reload.candidate);
	assert_int_equal(reload_wakeup(&server), CLOCK_NEVER);
	server.ready = true;
	assert_int_equal(reload_wakeup(&server), 0);
	server.stop.stage = STOP_DRAIN;
	reload_step(&server, now);
	assert_null(server.reload.candidate);
	assert_int_equal(reload_wakeup(&server), CLOCK_NEVER);
}

#define TEST(name) cmocka_unit_test_teardown(name, server_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_reload_replaces_the_running_setup),
		TEST(a_text_that_is_wrong_changes_nothing),
		TEST(a_greeting_that_is_not_there_is_the_texts_fault),
		TEST(an_address_that_is_taken_is_not_the_texts_fault),
		TEST(a_trial_that_fails_changes_nothing),
		TEST(a_trial_that_cannot_begin_changes_nothing),
		TEST(a_commit_that_fails_changes_nothing),
		TEST(what_is_wanted_meanwhile_is_one_more),
		TEST(a_trial_waits_for_the_one_before),
		TEST(a_reload_is_given_up_at_the_end),
		TEST(nothing_is_reloaded_before_or_after_serving),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
