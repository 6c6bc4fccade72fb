/* The stages of an upgrade: master/upgrade.c.  What begins one, how it fails at
 * each step, and that all is then as it was.  The new program is played. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/control/control.h"
#include "master/generations/spawners.h"
#include "master/resume.h"
#include "master/system/clock.h"
#include "master/system/pack.h"
#include "master/system/privileges.h"
#include "master/upgrade.h"
#include "unit/top/server.h"

#define TRIAL (20 * CLOCK_SECOND)
#define SETTLE (2 * CLOCK_SECOND)
#define RUNS -1 /* no exit status yet */

/* What fails, and what has been done. */
static struct {
	bool opening, memory, sealing, piping, forking, passing;
	bool ending, handling; /* in the trial */
	int copying; /* to that descriptor; 0: none */
	pid_t pid; /* what fork(2) returns; 0: as it is */
	unsigned freed, executed;
} played;

static pid_t self; /* not the configuration's reader */
static unsigned *tried; /* by a trial that is one of ours */

static struct {
	size_t begun, n;
	enum control_status status;
	char line[512];
} answered;

int __wrap_file_open_program(const char *path, const char **why);
int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
void __wrap_resume_pack(struct pack *pack, const struct server *from);
int __real_pack_seal(struct pack *pack);
int __wrap_pack_seal(struct pack *pack);
void __real_pack_free(struct pack *pack);
void __wrap_pack_free(struct pack *pack);
int __real_pipe2(int ends[2], int flags);
int __wrap_pipe2(int ends[2], int flags);
pid_t __real_fork(void);
pid_t __wrap_fork(void);
int __wrap_child_ends_with(pid_t parent);
int __wrap_signals_default(void);
int __real_dup2(int from, int to);
int __wrap_dup2(int from, int to);
int __wrap_privileges_pass(bool on);
long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
void __wrap_log_close(void);
void __wrap_control_upgrade_begun(struct control *control);
void __wrap_control_upgraded(struct control *control,
    enum control_status status, const struct report *report, const char *was,
    int64_t when);

int
__wrap_file_open_program(const char *path, const char **why)
{
	(void)path;
	*why = "made up";
	return played.opening ? -1 : dup(STDIN_FILENO);
}

static int
refused(int error)
{
	errno = error;
	return -1;
}

int
__wrap_memfd_create(const char *name, unsigned flags)
{
	return played.memory && strcmp(name, "forkgreet-files") == 0 ?
	    refused(ENOMEM) : __real_memfd_create(name, flags);
}

void
__wrap_resume_pack(struct pack *pack, const struct server *from)
{
	(void)pack;
	(void)from;
}

int
__wrap_pack_seal(struct pack *pack)
{
	return played.sealing ? refused(ENFILE) : __real_pack_seal(pack);
}

void
__wrap_pack_free(struct pack *pack)
{
	played.freed++;
	__real_pack_free(pack);
}

int
__wrap_pipe2(int ends[2], int flags)
{
	return played.piping ? refused(EMFILE) : __real_pipe2(ends, flags);
}

pid_t
__wrap_fork(void)
{
	if (played.forking)
		return refused(EAGAIN);
	return played.pid != 0 ? played.pid : __real_fork();
}

int
__wrap_child_ends_with(pid_t parent)
{
	return parent != self || played.ending ? -1 : 0;
}

int
__wrap_signals_default(void)
{
	return played.handling ? -1 : 0;
}

int
__wrap_dup2(int from, int to)
{
	return to != 0 && to == played.copying ? refused(EBADF) :
						 __real_dup2(from, to);
}

int
__wrap_privileges_pass(bool on)
{
	return on && played.passing ? refused(EPERM) : 0;
}

long
__wrap_syscall(long number, ...)
{
	long a[6];
	va_list list;
	size_t i;

	if (number == SYS_execveat && (tried != NULL || getpid() == self)) {
		++*(getpid() == self ? &played.executed : tried);
		return refused(ENOEXEC);
	}
	va_start(list, number);
	for (i = 0; i < 6; i++)
		a[i] = va_arg(list, long);
	va_end(list);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

void
__wrap_log_close(void)
{
}

void
__wrap_control_upgrade_begun(struct control *control)
{
	(void)control;
	answered.begun++;
}

void
__wrap_control_upgraded(struct control *control, enum control_status status,
    const struct report *report, const char *was, int64_t when)
{
	(void)control;
	(void)was;
	assert_int_equal(when, now);
	answered.n++;
	answered.status = status;
	snprintf(answered.line, sizeof(answered.line), "%s",
	    report_first_error(report));
}

/* ------------------------------------------------------------------- a trial */

static unsigned fds; /* open before */

static int
setup_upgrade(void **state)
{
	(void)state;
	memset(&played, 0, sizeof(played));
	memset(&answered, 0, sizeof(answered));
	server_begin("");
	fds = confs_count_fds();
	return 0;
}

static int
teardown_upgrade(void **state)
{
	server.reload.candidate = NULL;
	server.stop = STOP_NONE;
	upgrade_cancel(&server);
	return server_teardown(state);
}

/* A process that has ended with that status, or waits. */
static pid_t
process(int status)
{
	pid_t pid = __real_fork();
	siginfo_t info;

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		while (status == RUNS)
			pause();
		_exit(status);
	}
	if (status != RUNS)
		assert_int_equal(waitid(P_PID, (id_t)pid, &info,
		    WEXITED | WNOWAIT), 0);
	return pid;
}

/* The trial is under way, and has said that. */
static void
trial_begin(int status, const char *said)
{
	int ends[2];

	assert_int_equal(__real_pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(write(ends[1], said, strlen(said)), strlen(said));
	close(ends[1]);
	server.upgrade = UPGRADE_NONE;
	server.upgrade.stage = UPGRADE_TRYING;
	server.upgrade.trial = process(status);
	server.upgrade.output = ends[0];
	server.upgrade.until = now + TRIAL;
}

static void
must_be(enum upgrade_stage stage)
{
	assert_int_equal(server.upgrade.stage, stage);
	assert_int_equal(server.service.is_open, stage != UPGRADE_SETTLING);
	assert_int_equal(answered.n, 0);
}

/* The stage lasts until its time, and no longer. */
static void
its_time_is_over(enum upgrade_stage stage)
{
	now = server.upgrade.until - 1;
	upgrade_step(&server, now);
	must_be(stage);
	now++;
	upgrade_step(&server, now);
}

/* All is as it was, and why is said. */
static void
must_have_failed(enum control_status status, const char *why)
{
	assert_int_equal(server.upgrade.stage, UPGRADE_NOT);
	assert_int_equal(answered.n, 1);
	assert_int_equal(answered.status, status);
	assert_string_equal(answered.line, why);
	assert_true(server.service.is_open);
	assert_int_equal(confs_count_fds(), fds);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
	assert_int_equal(upgrade_wakeup(&server), CLOCK_NEVER);
	answered.n = 0;
}

/* ---------------------------------------------------------------- to begin one */

static void
one_that_is_wanted_begins(void **state)
{
	(void)state;
	upgrade_step(&server, now);
	assert_int_equal(answered.begun, 0);
	played.pid = process(RUNS);
	server.upgrade.wanted = true;
	upgrade_step(&server, now);
	must_be(UPGRADE_TRYING);
	assert_int_equal(answered.begun, 1);
	assert_false(server.upgrade.wanted);
	assert_int_equal(upgrade_child(&server), played.pid);
	assert_int_equal(upgrade_wakeup(&server), now + TRIAL);
	assert_int_equal(played.freed, 1);
	server.control.upgrade_wanted = true; /* after this one */
	upgrade_step(&server, now);
	must_be(UPGRADE_TRYING);
	assert_int_equal(answered.begun, 1);
	assert_true(server.upgrade.wanted);
	server.control.upgrade_wanted = false;
	upgrade_cancel(&server);
	assert_false(server.upgrade.wanted);
	assert_int_equal(upgrade_child(&server), 0);
	assert_int_equal(confs_count_fds(), fds);
	upgrade_step(&server, now);
	must_be(UPGRADE_NOT);
}

static void
an_operator_may_want_it(void **state)
{
	(void)state;
	played.pid = process(RUNS);
	server.control.upgrade_wanted = true;
	upgrade_step(&server, now);
	must_be(UPGRADE_TRYING);
	server.control.upgrade_wanted = false;
}

/* Before a reload has ended, before there is service, and after a stop. */
static void
it_begins_in_its_turn(void **state)
{
	(void)state;
	server.upgrade.wanted = true;
	server.reload.candidate = (struct candidate *)&played;
	upgrade_step(&server, now);
	server.reload.candidate = NULL;
	server.ready = false;
	upgrade_step(&server, now);
	server.ready = true;
	server.stop.stage = STOP_DRAIN;
	upgrade_step(&server, now);
	must_be(UPGRADE_NOT);
	assert_int_equal(answered.begun, 0);
	server.upgrade.stage = UPGRADE_TRYING;
	assert_int_equal(upgrade_wakeup(&server), CLOCK_NEVER);
	server.upgrade.stage = UPGRADE_NOT;
}

static void
what_cannot_begin(void **state)
{
	static const struct {
		bool *fails;
		const char *why;
	} rows[] = {
		{ &played.memory, "upgrade: state: Cannot allocate memory" },
		{ &played.sealing,
		    "upgrade: state: Too many open files in system" },
		{ &played.piping, "upgrade: trial: Too many open files" },
		{ &played.forking,
		    "upgrade: trial: Resource temporarily unavailable" },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		*rows[i].fails = true;
		played.freed = 0;
		server.upgrade.wanted = true;
		upgrade_step(&server, now);
		must_have_failed(CONTROL_REFUSED, rows[i].why);
		assert_int_equal(played.freed, rows[i].fails != &played.memory);
		*rows[i].fails = false;
	}
	played.opening = true;
	server.upgrade.wanted = true;
	upgrade_step(&server, now);
	assert_non_null(strstr(answered.line, ": made up"));
	answered.line[0] = '\0';
	must_have_failed(CONTROL_REFUSED, "");
}

/* ------------------------------------------------------------------- the trial */

static void
a_trial_is_waited_for(void **state)
{
	int ends[2];

	(void)state;
	trial_begin(RUNS, "");
	close(server.upgrade.output);
	assert_int_equal(__real_pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	server.upgrade.output = ends[0];
	upgrade_step(&server, now); /* it says nothing yet */
	must_be(UPGRADE_TRYING);
	assert_int_equal(server.upgrade.output, ends[0]);
	assert_int_equal(write(ends[1], "ab", 2), 2);
	close(ends[1]);
	upgrade_step(&server, now);
	assert_int_equal(server.upgrade.n_said, 2);
	assert_int_equal(server.upgrade.output, ends[0]);
	upgrade_step(&server, now);
	assert_int_equal(server.upgrade.output, -1); /* no more is to come */
	its_time_is_over(UPGRADE_TRYING);
	must_have_failed(
	    CONTROL_REFUSED, "upgrade: trial: took too long");
}

/* A client's child that has ended meanwhile is not reaped. */
static void
a_trial_fails(void **state)
{
	pid_t other = process(0);

	(void)state;
	trial_begin(71, "<3>no room\n");
	upgrade_step(&server, now);
	assert_int_equal(waitpid(other, NULL, 0), other);
	must_have_failed(CONTROL_REFUSED, "no room");
	trial_begin(78, "<3>no such key\n");
	upgrade_step(&server, now);
	must_have_failed(CONTROL_CONFIG, "no such key");
	assert_string_equal(logged_last("upgrade"),
	    "upgrade result=failed reason=no such key");
}

/* What has passed is worth nothing when it was not heard. */
static void
a_trial_cannot_be_heard(void **state)
{
	(void)state;
	trial_begin(0, "");
	close(server.upgrade.output);
	server.upgrade.output = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(server.upgrade.said, sizeof(server.upgrade.said), "%s",
	    RESUME_PASSED);
	server.upgrade.n_said = strlen(RESUME_PASSED);
	upgrade_step(&server, now);
	must_have_failed(CONTROL_REFUSED,
	    "upgrade: reading from the trial: Is a directory");
}

/* So often it is executed, and fails then as all others. */
static void
must_try(unsigned times, const char *why)
{
	*tried = 0;
	server.upgrade.wanted = true;
	upgrade_step(&server, now);
	AWAIT((upgrade_step(&server, now), server.upgrade.stage) !=
	    UPGRADE_TRYING);
	assert_int_equal(*tried, times);
	must_have_failed(CONTROL_REFUSED, why);
}

static void
a_trial_is_no_other_process(void **state)
{
	static const char status[] = "upgrade: trial: status 71";

	(void)state;
	tried = mmap(NULL, sizeof(*tried), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(tried, MAP_FAILED);
	must_try(1, "upgrade: execveat: Exec format error");
	played.ending = true;
	must_try(0, status);
	played.ending = false;
	played.handling = true;
	must_try(0, status);
	played.handling = false;
	played.copying = STDOUT_FILENO;
	must_try(0, status);
	played.copying = STDERR_FILENO;
	must_try(0, status);
	munmap(tried, sizeof(*tried));
	tried = NULL;
}

/* With its last words; more is what none of ours would say. */
static void
a_trial_says_too_much(void **state)
{
	struct upgrade *upgrade = &server.upgrade;

	(void)state;
	trial_begin(RUNS, "abc");
	upgrade->n_said = sizeof(upgrade->said) - 2;
	memset(upgrade->said, 'x', upgrade->n_said);
	upgrade_step(&server, now);
	assert_int_equal(upgrade->n_said, sizeof(upgrade->said) - 1);
	must_be(UPGRADE_TRYING);
	upgrade_step(&server, now);
	must_have_failed(CONTROL_REFUSED, "upgrade: trial: says too much");
}

/* -------------------------------------------------------------------- the end */

static void
pass(void)
{
	trial_begin(0, RESUME_PASSED);
	server.upgrade.program = dup(STDIN_FILENO);
	server.upgrade.kept = dup(STDIN_FILENO);
	server.reload.candidate = (struct candidate *)&played;
	upgrade_step(&server, now);
	must_be(UPGRADE_SETTLING);
	assert_int_equal(upgrade_wakeup(&server), now + SETTLE);
}

/* It would return no more. */
static void
the_program_is_executed(void **state)
{
	(void)state;
	pass();
	server.reload.candidate = NULL;
	upgrade_step(&server, now);
	assert_int_equal(played.executed, 1);
	assert_int_equal(played.freed, 1);
	must_have_failed(
	    CONTROL_REFUSED, "upgrade: execveat: Exec format error");
}

static void
it_is_not_executed_without_its_rights_or_state(void **state)
{
	(void)state;
	pass();
	server.reload.candidate = NULL;
	played.passing = true;
	upgrade_step(&server, now);
	must_have_failed(
	    CONTROL_REFUSED, "upgrade: execveat: Operation not permitted");
	played.passing = false;
	pass();
	server.reload.candidate = NULL;
	played.sealing = true;
	upgrade_step(&server, now);
	must_have_failed(CONTROL_REFUSED,
	    "upgrade: state: Too many open files in system");
	assert_int_equal(played.executed, 0);
}

/* A reload, or a client that is on its way to a spawner. */
static void
what_is_under_way_ends_first(void **state)
{
	const struct order order = { .fd = STDIN_FILENO };

	(void)state;
	pass();
	its_time_is_over(UPGRADE_SETTLING);
	must_have_failed(
	    CONTROL_REFUSED, "upgrade: a spawner does not clone");
	pass();
	server.reload.candidate = NULL;
	assert_int_equal(spawners_hand_over(&server.spawners, &order, now), 0);
	upgrade_step(&server, now);
	must_be(UPGRADE_SETTLING);
	assert_int_equal(played.executed, 0);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup_upgrade, teardown_upgrade)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(one_that_is_wanted_begins),
		TEST(an_operator_may_want_it),
		TEST(it_begins_in_its_turn),
		TEST(what_cannot_begin),
		TEST(a_trial_is_waited_for),
		TEST(a_trial_fails),
		TEST(a_trial_cannot_be_heard),
		TEST(a_trial_is_no_other_process),
		TEST(a_trial_says_too_much),
		TEST(the_program_is_executed),
		TEST(it_is_not_executed_without_its_rights_or_state),
		TEST(what_is_under_way_ends_first),
	};

	self = getpid();
	return cmocka_run_group_tests_name(
	    "upgrade", tests, confs_setup, confs_teardown);
}
