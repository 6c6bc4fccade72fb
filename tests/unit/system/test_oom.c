/* The master protected from the OOM killer, its children not:
 * master/system/oom.c.  A file of ours stands for that of /proc, since most
 * places where tests run do not let anybody lower the real one. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/oom.h"

/* Exit codes of the children below. */
#define WELL 0

static char name[] = "/tmp/forkgreet-test-oom-XXXXXX";
static int fd = -1;

/* As the kernel does, which keeps no second line. */
static bool
file_is(const char *text)
{
	char found[32] = "";

	if (pread(fd, found, sizeof(found) - 1, 0) < 0)
		return false;
	found[strcspn(found, "\n")] = '\0';
	return strcmp(found, text) == 0;
}

static void
file_set(const char *text)
{
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(
	    pwrite(fd, text, strlen(text), 0), (ssize_t)strlen(text));
}

static int
setup(void **state)
{
	(void)state;
	fd = mkstemp(name);
	return fd == -1 ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	close(fd);
	return unlink(name);
}

/* As an exec does: what a program has goes, but for what it passes on. */
static void
upgrade(void)
{
	int childrens = oom_childrens();

	oom_resume(OOM_SAME);
	oom_resume(childrens);
}

/* What a master that starts with that value has, a child of its, and the master
 * once more. */
static void
check(const char *found, const char *master, const char *child)
{
	pid_t pid;
	int status;

	file_set(found);
	pid = fork(); /* each check is a process of its own */
	if (pid == 0) {
		oom_protect(name);
		if (!file_is(master))
			_exit(1);
		upgrade();
		if (!file_is(master))
			_exit(2);
		oom_expose();
		_exit(file_is(child) ? WELL : 3);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), WELL);
}

static void
test_c10_only_the_master_is_protected(void **state)
{
	(void)state;
	check("0\n", "-900", "0");
	check("300\n", "-900", "300");
}

/* OOMScoreAdjust= of a unit: the master's stays, children are exposed. */
static void
test_c10_a_managers_word_is_the_masters(void **state)
{
	(void)state;
	check("-500\n", "-500", "0");
	check("-1000\n", "-1000", "0");
}

/* Not allowed, or nothing that is understood: nothing changes. */
static void
test_c10_nothing_happens_without_the_right(void **state)
{
	pid_t pid;
	int status;

	(void)state;
	check("nonsense\n", "nonsense", "nonsense");
	check("5000\n", "5000", "5000");
	file_set("200\n");
	assert_int_equal(chmod(name, 0444), 0);
	pid = fork();
	if (pid == 0) {
		if (getuid() == 0 && setuid(65534) == -1)
			_exit(1);
		oom_protect(name);
		oom_expose();
		_exit(file_is("200") ? WELL : 2);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), WELL);
	assert_int_equal(chmod(name, 0600), 0);
}

/* Has a child that? */
static bool
childs_is(const char *text)
{
	pid_t pid;
	int status;

	prctl(PR_SET_DUMPABLE, 0); /* as the master is */
	pid = fork();
	if (pid == 0) {
		oom_expose();
		if (prctl(PR_GET_DUMPABLE) != 0)
			_exit(1);
		prctl(PR_SET_DUMPABLE, 1);
		fd = open("/proc/self/oom_score_adj", O_RDONLY);
		_exit(fd != -1 && file_is(text) ? WELL : 2);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) &&
	    WEXITSTATUS(status) == WELL;
}

/* Without CAP_SYS_RESOURCE, with the real file. */
static bool
is_exposed(void)
{
	static const char real[] = "/proc/self/oom_score_adj";

	if (getuid() == 0 && setuid(65534) == -1)
		return false;
	prctl(PR_SET_DUMPABLE, 1); /* or the file is root's */
	fd = open(real, O_RDWR);
	if (!file_is("0"))
		return true; /* somebody has said something else */
	oom_protect(real);
	upgrade();
	if (!file_is("0") || !childs_is("900"))
		return false;
	return file_is("0");
}

/* Docker gives no CAP_SYS_RESOURCE: the kernel took the master, which is the
 * largest, for its children's memory. */
static void
test_children_go_first_without_the_right(void **state)
{
	pid_t pid = fork();
	int status;

	(void)state;
	if (pid == 0)
		_exit(is_exposed() ? WELL : 1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), WELL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_c10_only_the_master_is_protected),
		cmocka_unit_test(test_c10_a_managers_word_is_the_masters),
		cmocka_unit_test(test_c10_nothing_happens_without_the_right),
		cmocka_unit_test(test_children_go_first_without_the_right),
	};

	return cmocka_run_group_tests_name("oom", tests, setup, teardown);
}
