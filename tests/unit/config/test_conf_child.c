/* The end of the parsing child, the ways in which it may come: master/config/load.c,
 * reader/cage.c.  Linked with --wrap for config_read_string, confine_enter,
 * fork, pidfd_open and timerfd_settime. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/timerfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <libconfig.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit/confs.h"
#include "reader/cage.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What the child does in the place of parsing; NULL: parse. */
static void (*deed)(void);
static unsigned seconds; /* the child's time, 0: as it is */
static bool soon; /* the master's own deadline is a tenth of a second */
static bool orphaned; /* the child takes another for its parent */
static int failing; /* which of these calls fails: */
enum { FAIL_NONE, FAIL_FORK, FAIL_PIDFD, FAIL_TIMER };

int __real_config_read_string(config_t *tree, const char *text);
int __wrap_config_read_string(config_t *tree, const char *text);
const char *__real_confine_enter(pid_t parent, unsigned limit);
const char *__wrap_confine_enter(pid_t parent, unsigned limit);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __real_timerfd_settime(
    int fd, int flags, const struct itimerspec *value, struct itimerspec *old);
int __wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *value, struct itimerspec *old);

int
__wrap_config_read_string(config_t *tree, const char *text)
{
	if (deed != NULL)
		deed();
	return __real_config_read_string(tree, text);
}

const char *
__wrap_confine_enter(pid_t parent, unsigned limit)
{
	return __real_confine_enter(
	    orphaned ? parent + 1 : parent, seconds != 0 ? seconds : limit);
}

pid_t
__wrap_fork(void)
{
	errno = EAGAIN;
	return failing == FAIL_FORK ? -1 : __real_fork();
}

int
__wrap_pidfd_open(pid_t pid, unsigned flags)
{
	errno = EMFILE;
	return failing == FAIL_PIDFD ? -1 : __real_pidfd_open(pid, flags);
}

int
__wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *value, struct itimerspec *old)
{
	struct itimerspec tenth = { .it_value.tv_nsec = 100000000 };

	errno = EINVAL;
	if (failing == FAIL_TIMER)
		return -1;
	return __real_timerfd_settime(fd, flags, soon ? &tenth : value, old);
}

/* ------------------------------------------------------------------- deeds */

static void
do_loop(void)
{
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static void
do_garbage(void)
{
	if (write(CONFINE_FD, "garbage", 7) == 7)
		_exit(0);
}

static void
do_silence(void)
{
	_exit(0);
}

static void
do_flood(void)
{
	static const char zeros[1 << 16];

	while (write(CONFINE_FD, zeros, sizeof(zeros)) > 0)
		continue;
}

/* ------------------------------------------------------------------- tests */

static int
reset(void **state)
{
	(void)state;
	deed = NULL;
	seconds = 0;
	soon = false;
	orphaned = false;
	failing = FAIL_NONE;
	return 0;
}

/* No descriptor and no child is left. */
static void
must_be_clean(unsigned fds)
{
	assert_int_equal(confs_count_fds(), fds);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
must_end(void (*what)(void), const char *why)
{
	unsigned fds = confs_count_fds();
	struct report report = { 0 };
	char start[128];

	deed = what;
	assert_null(
	    conf_load_wait(confs_write("test.conf", "", 0), true, &report));
	deed = NULL;
	assert_int_equal(report.errors, 1);
	snprintf(
	    start, sizeof(start), "%s: the parser", confs_path("test.conf"));
	if (strncmp(report.lines[0].text, start, strlen(start)) != 0 ||
	    strstr(report.lines[0].text, why) == NULL)
		fail_msg("%s", report.lines[0].text);
	must_be_clean(fds);
}

static void
test_ends(void **state)
{
	(void)state;
	must_end(do_garbage, "answer is broken: too short");
	must_end(do_silence, "answer is broken: too short");
	must_end(do_flood, "said more than it may");
}

static void
test_too_long(void **state)
{
	struct timespec before, after;

	(void)state;
	seconds = 1;
	clock_gettime(CLOCK_MONOTONIC, &before);
	must_end(do_loop, "took longer than 5 s");
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(after.tv_sec - before.tv_sec, 1, 3);
}

static void
test_master_deadline(void **state)
{
	(void)state;
	seconds = 600;
	soon = true;
	must_end(do_loop, "did not end by its timer");
}

static void
test_cannot_start(void **state)
{
	static const struct {
		int failing;
		int why;
	} cases[] = { { FAIL_FORK, EAGAIN }, { FAIL_PIDFD, EMFILE },
		{ FAIL_TIMER, EINVAL } };
	unsigned fds = confs_count_fds();
	struct report report;
	size_t i;

	(void)state;
	deed = do_loop;
	for (i = 0; i < COUNT(cases); i++) {
		memset(&report, 0, sizeof(report));
		failing = cases[i].failing;
		assert_null(conf_load_wait(
		    confs_write("test.conf", "", 0), true, &report));
		assert_int_equal(report.errors, 1);
		assert_non_null(
		    strstr(report.lines[0].text, ": starting the parser: "));
		assert_non_null(
		    strstr(report.lines[0].text, strerror(cases[i].why)));
		must_be_clean(fds);
	}
}

/* Its master died before it could ask to die with it. */
static void
test_orphaned(void **state)
{
	struct report report = { 0 };

	(void)state;
	orphaned = true;
	assert_null(
	    conf_load_wait(confs_write("test.conf", "", 0), true, &report));
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.lines[0].text,
	    ": confining the parser: the master is gone: "));
}

static void
test_given_up(void **state)
{
	unsigned fds = confs_count_fds();
	struct report report = { 0 };
	struct timespec before, after;
	struct conf *conf;
	struct conf_load *load;

	(void)state;
	deed = do_loop;
	load = conf_load_start(confs_write("test.conf", "", 0), true, &report);
	assert_non_null(load);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(conf_load_continue(load, &conf, &report), CONF_MORE);
	conf_load_end(load);
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_in_range(after.tv_sec - before.tv_sec, 0, 2);
	assert_int_equal(report.errors, 0);
	must_be_clean(fds);
}

/* As a server does it: only when the descriptor says so; and it says so seldom
 * enough. */
static void
test_steps(void **state)
{
	unsigned fds = confs_count_fds(), turns = 0;
	struct report report = { 0 };
	struct conf *conf = NULL;
	struct conf_load *load;
	struct pollfd ready;
	enum conf_progress progress = CONF_MORE;
	pid_t other;

	(void)state;
	load = conf_load_start(confs_write("test.conf", "", 0), true, &report);
	assert_non_null(load);
	ready = (struct pollfd){ conf_load_fd(load), POLLIN, 0 };
	while (progress == CONF_MORE) {
		assert_int_equal(poll(&ready, 1, 5000), 1);
		progress = conf_load_continue(load, &conf, &report);
		turns++;
	}
	assert_int_equal(progress, CONF_DONE);
	assert_in_range(turns, 1, 60);
	free(conf);
	/* Once more, which must not wait for another child. */
	other = __real_fork();
	if (other == 0)
		_exit(0);
	usleep(10000);
	assert_int_equal(conf_load_continue(load, &conf, &report), CONF_FAILED);
	assert_int_equal(waitpid(other, NULL, 0), other);
	conf_load_end(load);
	must_be_clean(fds);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ends, reset),
		cmocka_unit_test_setup(test_too_long, reset),
		cmocka_unit_test_setup(test_master_deadline, reset),
		cmocka_unit_test_setup(test_cannot_start, reset),
		cmocka_unit_test_setup(test_orphaned, reset),
		cmocka_unit_test_setup(test_given_up, reset),
		cmocka_unit_test_setup(test_steps, reset),
	};

	return cmocka_run_group_tests_name(
	    "conf_child", tests, confs_setup, confs_teardown);
}
