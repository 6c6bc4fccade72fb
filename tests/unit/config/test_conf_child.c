/* The end of the reader, the ways in which it may come: master/config/load.c,
 * reader/reader.c.  Linked with --wrap for fork, pidfd_open, read and
 * timerfd_settime. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "unit/confs.h"
#include "master/config/load.h"
#include "shared/entries.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int hostile; /* tests/hostile/reader */
static bool soon; /* the master's own deadline is a tenth of a second */
static int failing; /* which of these calls fails: */
enum { FAIL_NONE, FAIL_FORK, FAIL_PIDFD, FAIL_TIMER, FAIL_READ };

pid_t __real_fork(void);
pid_t __wrap_fork(void);
ssize_t __real_read(int fd, void *bytes, size_t length);
ssize_t __wrap_read(int fd, void *bytes, size_t length);
int __real_pidfd_open(pid_t pid, unsigned flags);
int __wrap_pidfd_open(pid_t pid, unsigned flags);
int __real_timerfd_settime(
    int fd, int flags, const struct itimerspec *value, struct itimerspec *old);
int __wrap_timerfd_settime(
    int fd, int flags, const struct itimerspec *value, struct itimerspec *old);

/* From a pipe, that is from the reader. */
ssize_t
__wrap_read(int fd, void *bytes, size_t length)
{
	struct stat status;

	if (failing != FAIL_READ || fstat(fd, &status) == -1 ||
	    !S_ISFIFO(status.st_mode))
		return __real_read(fd, bytes, length);
	errno = ENOMEM;
	return -1;
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

/* ------------------------------------------------------------------- tests */

static int
reset(void **state)
{
	(void)state;
	soon = false;
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

static const char *
write_deed(const char *deed)
{
	char text[64];

	snprintf(text, sizeof(text), "# %s\n", deed);
	return confs_write("test.conf", text, strlen(text));
}

static void
must_end(const char *deed, enum exit_status cause, const char *why)
{
	unsigned fds = confs_count_fds();
	struct report report = { 0 };
	char start[128];

	assert_null(load_wait(hostile, write_deed(deed), true, &report));
	assert_int_equal(report.errors, 1);
	assert_int_equal(report.cause, cause);
	snprintf(start, sizeof(start), "%s: ", confs_path("test.conf"));
	if (strncmp(report.lines[0].text, start, strlen(start)) != 0 ||
	    strstr(report.lines[0].text, why) == NULL)
		fail_msg("%s", report.lines[0].text);
	must_be_clean(fds);
}

static void
test_ends(void **state)
{
	(void)state;
	must_end("garbage", EXIT_CONFIG,
	    "the reader's answer is broken: too short");
	must_end("silence", EXIT_CONFIG,
	    "the reader's answer is broken: too short");
	must_end("status 77", EXIT_PRIVILEGE,
	    "the reader's answer is broken: too short");
	must_end("status 71", EXIT_SYSTEM,
	    "the reader's answer is broken: too short");
	must_end("status 3", EXIT_CONFIG, "the reader gave up (exit status 3)");
	must_end("flood", EXIT_CONFIG, "the reader sent more than it may");
}

static void
test_too_long(void **state)
{
	struct timespec before, after;

	(void)state;
	clock_gettime(CLOCK_MONOTONIC, &before);
	must_end("seconds 1", EXIT_CONFIG, "the reader took longer than 5 s");
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec >= 1);
}

static void
test_master_deadline(void **state)
{
	(void)state;
	soon = true;
	must_end("seconds 600", EXIT_CONFIG,
	    "the reader outlived its timer");
}

/* While the reader still writes, so that nobody waits for its timer. */
static void
test_b17_a_pipe_that_cannot_be_read(void **state)
{
	struct timespec before, after;

	(void)state;
	failing = FAIL_READ;
	clock_gettime(CLOCK_MONOTONIC, &before);
	must_end("flood", EXIT_SYSTEM,
	    "reading from the reader: Cannot allocate memory");
	clock_gettime(CLOCK_MONOTONIC, &after);
	assert_true(after.tv_sec - before.tv_sec < READER_SECONDS);
}

/* The exec fails: the child says what the reader would. */
static void
test_b17_a_program_that_cannot_run(void **state)
{
	int text = open(confs_write("program", "x", 1), O_RDONLY | O_CLOEXEC);
	struct report report = { 0 };

	(void)state;
	assert_null(load_wait(text, write_deed("nothing"), true, &report));
	assert_int_equal(report.errors, 1);
	assert_int_equal(report.cause, EXIT_SYSTEM);
	assert_non_null(strstr(report.lines[0].text,
	    ": starting the reader: exec: Permission denied"));
	close(text);
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
	for (i = 0; i < COUNT(cases); i++) {
		memset(&report, 0, sizeof(report));
		failing = cases[i].failing;
		assert_null(
		    load_wait(hostile, write_deed("loop"), true, &report));
		assert_int_equal(report.errors, 1);
		assert_int_equal(report.cause, EXIT_SYSTEM);
		assert_non_null(
		    strstr(report.lines[0].text, ": starting the reader: "));
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
	assert_null(load_wait(hostile, write_deed("orphan"), true, &report));
	assert_int_equal(report.cause, EXIT_PRIVILEGE);
	assert_int_equal(report.errors, 1);
	assert_non_null(strstr(report.lines[0].text,
	    ": confining the reader: the master is gone: "));
}

static void
test_given_up(void **state)
{
	unsigned fds = confs_count_fds();
	struct report report = { 0 };
	struct timespec before, after;
	struct conf *conf;
	struct load *load;

	(void)state;
	load = load_start(hostile, write_deed("loop"), true, &report);
	assert_non_null(load);
	clock_gettime(CLOCK_MONOTONIC, &before);
	assert_int_equal(load_continue(load, &conf, &report), LOAD_MORE);
	load_end(load);
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
	struct load *load;
	struct pollfd ready;
	enum load_progress progress = LOAD_MORE;
	pid_t other;

	(void)state;
	load = load_start(hostile, write_deed("nothing"), true, &report);
	assert_non_null(load);
	ready = (struct pollfd){ load_fd(load), POLLIN, 0 };
	while (progress == LOAD_MORE) {
		assert_int_equal(poll(&ready, 1, 5000), 1);
		progress = load_continue(load, &conf, &report);
		turns++;
	}
	assert_int_equal(progress, LOAD_DONE);
	assert_in_range(turns, 1, 60);
	free(conf);
	/* Once more, which must not wait for another child. */
	other = __real_fork();
	if (other == 0)
		_exit(0);
	usleep(10000);
	assert_int_equal(load_continue(load, &conf, &report), LOAD_FAILED);
	assert_int_equal(waitpid(other, NULL, 0), other);
	load_end(load);
	must_be_clean(fds);
}

static int
setup(void **state)
{
	hostile = confs_program("tests/hostile/reader");
	return confs_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_ends, reset),
		cmocka_unit_test_setup(test_too_long, reset),
		cmocka_unit_test_setup(test_master_deadline, reset),
		cmocka_unit_test_setup(
		    test_b17_a_pipe_that_cannot_be_read, reset),
		cmocka_unit_test_setup(
		    test_b17_a_program_that_cannot_run, reset),
		cmocka_unit_test_setup(test_cannot_start, reset),
		cmocka_unit_test_setup(test_orphaned, reset),
		cmocka_unit_test_setup(test_given_up, reset),
		cmocka_unit_test_setup(test_steps, reset),
	};

	return cmocka_run_group_tests_name(
	    "conf_child", tests, setup, confs_teardown);
}
