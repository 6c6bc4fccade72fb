/* Where the reader runs, and what it leaves alone: reader/cage.c,
 * master/config/load.c.  Linked with --wrap for fork. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shared/widened.h"
#include "unit/confs.h"
#include "master/config/load.h"

#define NOBODY 65534
/* The last step of the cage; with sanitizers the filter is left out. */
#define CAGED (WIDENED_PARSER ? "\nNoNewPrivs:\t1" : "\nSeccomp:\t2")
#define PATIENCE 10000 /* milliseconds until the child is in its cage */

static int hostile; /* tests/hostile/reader */
static pid_t child;

pid_t __real_fork(void);
pid_t __wrap_fork(void);

pid_t
__wrap_fork(void)
{
	child = __real_fork();
	return child;
}

/* Reads a file of /proc/CHILD; returns a static buffer. */
static const char *
read_proc(const char *name)
{
	static char text[16384];
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		fail_msg("%s: %s", path, strerror(errno));
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static const char *
write_text(const char *text)
{
	return confs_write("test.conf", text, strlen(text));
}

/* The reader stays where it would parse. */
static struct load *
start_looping(void)
{
	struct report report = { 0 };
	struct load *load;
	unsigned waited;

	load = load_start(hostile, write_text("# loop\n"), true, &report);
	assert_non_null(load);
	for (waited = 0; waited < PATIENCE; waited++) {
		if (strstr(read_proc("status"), CAGED) != NULL)
			break;
		usleep(1000);
	}
	return load;
}

static void
must_say(const char *file, const char *text)
{
	if (strstr(read_proc(file), text) == NULL)
		fail_msg("no \"%s\" in %s", text, read_proc(file));
}

#ifndef WITH_SANITIZERS
static void
test_status(void **state)
{
	struct load *load = start_looping();
	char ids[64];

	(void)state;
	snprintf(ids, sizeof(ids), "\nUid:\t%1$u\t%1$u\t%1$u\t%1$u\n",
	    geteuid() == 0 ? NOBODY : geteuid());
	must_say("status", ids);
	snprintf(ids, sizeof(ids), "\nGid:\t%1$u\t%1$u\t%1$u\t%1$u\n",
	    geteuid() == 0 ? NOBODY : getegid());
	must_say("status", ids);
	if (geteuid() == 0)
		must_say("status", "\nGroups:\t \n");
	must_say("status", "\nCapInh:\t0000000000000000\n");
	must_say("status", "\nCapPrm:\t0000000000000000\n");
	must_say("status", "\nCapEff:\t0000000000000000\n");
	must_say("status", "\nCapAmb:\t0000000000000000\n");
	must_say("status", "\nNoNewPrivs:\t1\n");
	must_say("status", "\nSeccomp:\t2\n");
	must_say("status", "\nSigBlk:\t0000000000000000\n");
	must_say("status", "\nSigIgn:\t0000000000000000\n");
	must_say("status", "\nSigCgt:\t0000000000000000\n");
	load_end(load);
}

static void
test_limits(void **state)
{
	struct load *load = start_looping();

	(void)state;
	must_say("limits", "Max file size             0                    0");
	must_say("limits", "Max core file size        0                    0");
	must_say("limits", "Max processes             0                    0");
	must_say("limits", "Max open files            1                    1");
	must_say("limits", "Max address space         536870912            ");
	must_say("limits", "Max locked memory         0                    0");
	must_say("limits", "Max msgqueue size         0                    0");
	must_say("limits", "Max cpu time              5                    6");
	load_end(load);
}

/* A link or file of /proc/CHILD that only root may read: the process is not
 * dumpable.  Returns false, having looked at that, for others. */
static bool
is_readable(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, name);
	if (geteuid() == 0)
		return true;
	assert_int_equal(access(path, R_OK), -1);
	return false;
}

/* Another program: nothing of this process' memory is in it, its layout and
 * its environment neither. */
static void
test_c8_reader_is_a_program_of_its_own(void **state)
{
	struct load *load = start_looping();

	(void)state;
	assert_int_equal(setenv("SECRET", "x", 1), 0);
	if (is_readable("maps")) {
		must_say("maps", "/tests/hostile/reader\n");
		assert_null(strstr(read_proc("maps"), "test_conf_cage"));
		assert_string_equal(read_proc("environ"), "");
	}
	load_end(load);
}

/* Of a process that is not dumpable only root may read this. */
static void
test_descriptors(void **state)
{
	struct load *load = start_looping();
	struct dirent *entry;
	char path[64];
	unsigned n = 0;
	DIR *dir;

	(void)state;
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)child);
	dir = opendir(path);
	if (geteuid() != 0) {
		assert_null(dir);
		assert_int_equal(errno, EACCES);
		load_end(load);
		return;
	}
	assert_non_null(dir);
	while ((entry = readdir(dir)) != NULL)
		if (entry->d_name[0] != '.') {
			assert_string_equal(entry->d_name, "0");
			n++;
		}
	closedir(dir);
	assert_int_equal(n, 1);
	load_end(load);
}
#endif

/* The parent's death is the child's: the parent here is a process between. */
static void
test_orphan(void **state)
{
	int ends[2], status;
	pid_t between, grandchild = 0;
	unsigned waited;

	(void)state;
	assert_int_equal(prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), 0);
	assert_int_equal(pipe(ends), 0);
	between = __real_fork();
	if (between == 0) {
		start_looping();
		if (write(ends[1], &child, sizeof(child)) != sizeof(child))
			_exit(1);
		_exit(0);
	}
	assert_int_equal(
	    read(ends[0], &grandchild, sizeof(grandchild)), sizeof(child));
	assert_int_equal(waitpid(between, &status, 0), between);
	for (waited = 0; waited < PATIENCE; waited++) {
		if (waitpid(grandchild, &status, WNOHANG) == grandchild)
			break;
		usleep(1000);
	}
	assert_true(waited < PATIENCE);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(ends[0]);
	close(ends[1]);
}

/* ------------------------------------------------------ what it leaves alone
 */

static void
must_load(void)
{
	struct report report = { 0 };
	struct conf *conf =
	    load_wait(confs_reader(), write_text(""), true, &report);

	assert_non_null(conf);
	free(conf);
}

static void
test_other_children(void **state)
{
	pid_t other = __real_fork();
	int status;

	(void)state;
	if (other == 0)
		_exit(7);
	usleep(10000);
	must_load();
	assert_int_equal(waitpid(other, &status, WNOHANG), other);
	assert_int_equal(WEXITSTATUS(status), 7);
}

/* As the daemon has them: all blocked. */
static void
test_blocked_signals(void **state)
{
	sigset_t all, before;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	must_load();
	sigprocmask(SIG_SETMASK, &before, NULL);
}

/* A caller that cannot wait learns that, and does not hang. */
static void
test_ignored_sigchld(void **state)
{
	struct report report = { 0 };
	struct sigaction ignore = { .sa_handler = SIG_IGN }, before;

	(void)state;
	sigaction(SIGCHLD, &ignore, &before);
	assert_null(
	    load_wait(confs_reader(), write_text(""), true, &report));
	sigaction(SIGCHLD, &before, NULL);
	assert_int_equal(report.errors, 1);
	/* It may be gone before it is watched, too. */
	assert_true(strstr(report.lines[0].text,
			"the reader's end is not known") != NULL ||
	    strstr(report.lines[0].text, "watching it: No such process") !=
		NULL);
}

/* 0, 1 and 2 closed, so that the pipe takes their places. */
static void
test_no_standard_fds(void **state)
{
	int saved[3], fd;

	(void)state;
	for (fd = 0; fd < 3; fd++) {
		saved[fd] = fcntl(fd, F_DUPFD_CLOEXEC, 10);
		close(fd);
	}
	must_load();
	for (fd = 0; fd < 3; fd++) {
		dup2(saved[fd], fd);
		close(saved[fd]);
	}
}

static void
test_no_leaks(void **state)
{
	struct report report;
	unsigned i, fds;

	(void)state;
	must_load();
	fds = confs_count_fds();
	for (i = 0; i < 50; i++) {
		must_load();
		memset(&report, 0, sizeof(report));
		assert_null(load_wait(
		    confs_reader(), confs_write("test.conf", "x", 1), true, &report));
	}
	assert_int_equal(confs_count_fds(), fds);
	assert_true(waitpid(-1, NULL, WNOHANG) <= 0); /* no zombie */
}

/* Root behind another effective user, as the start has it. */
/* An empty configuration that user 1 has. */
static void
write_for_user(void)
{
	confs_write("test.conf", "", 0);
	assert_int_equal(chown(confs_path("test.conf"), 1, 1), 0);
	assert_int_equal(chmod(confs_path("."), 0755), 0);
}

static void
test_borrowed(void **state)
{
	struct load *load;
	gid_t group = 1;

	(void)state;
	if (geteuid() != 0)
		return;
	write_for_user();
	assert_int_equal(setgroups(1, &group), 0);
	assert_int_equal(setegid(1), 0);
	assert_int_equal(seteuid(1), 0);
	must_load();
	load = start_looping();
	must_say("status", "\nUid:\t65534\t65534\t65534\t65534\n");
	must_say("status", "\nGid:\t65534\t65534\t65534\t65534\n");
	must_say("status", "\nGroups:\t \n");
	must_say("status", "\nCapPrm:\t0000000000000000\n");
	load_end(load);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(setegid(0), 0);
	assert_int_equal(setgroups(0, NULL), 0);
}

/* An ordinary user with the capability that the master keeps. */
static int
run_with_capability(void)
{
	cap_t caps = cap_from_text("cap_net_bind_service=p");
	struct load *load;

	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == -1 ||
	    setresuid(1, 1, 1) == -1 || cap_set_proc(caps) == -1)
		return 2;
	load = start_looping();
	if (strstr(read_proc("status"), "\nCapPrm:\t0000000000000000\n") ==
	    NULL)
		return 1;
	load_end(load);
	return 0;
}

static void
test_capability(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	if (geteuid() != 0)
		return;
	write_for_user();
	pid = __real_fork();
	if (pid == 0)
		_exit(run_with_capability());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
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
#ifndef WITH_SANITIZERS
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_c8_reader_is_a_program_of_its_own),
		cmocka_unit_test(test_descriptors),
#endif
		cmocka_unit_test(test_orphan),
		cmocka_unit_test(test_other_children),
		cmocka_unit_test(test_blocked_signals),
		cmocka_unit_test(test_ignored_sigchld),
		cmocka_unit_test(test_no_standard_fds),
		cmocka_unit_test(test_no_leaks),
		cmocka_unit_test(test_borrowed),
		cmocka_unit_test(test_capability),
	};

	return cmocka_run_group_tests_name(
	    "conf_cage", tests, setup, confs_teardown);
}
