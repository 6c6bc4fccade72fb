/* What max_clients takes against what there is, with a /proc and a /sys of our
 * own: master/config/resources.c. */
#include "config.h"

#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/confs.h"
#include "master/config/resources.h"

static char root[64];
static struct conf *conf;
static struct report report;

static int
setup(void **state)
{
	if (confs_setup(state) == -1)
		return -1;
	conf = confs_must_load("\nlimits = {\nmax_clients = 100; };");
	return 0;
}

static int
teardown(void **state)
{
	free(conf);
	return confs_teardown(state);
}

static int
test_setup(void **state)
{
	(void)state;
	memset(&report, 0, sizeof(report));
	strcpy(root, "/tmp/forkgreet-budget-XXXXXX");
	return mkdtemp(root) == NULL ? -1 : 0;
}

static int
remove_one(const char *path, const struct stat *status, int type,
    struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static int
test_teardown(void **state)
{
	(void)state;
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* A file in root, with the folders that it needs. */
static void
put(const char *name, const char *text)
{
	char path[512], *slash;
	FILE *file;

	snprintf(path, sizeof(path), "%s%s", root, name);
	for (slash = path + strlen(root) + 1;
	     (slash = strchr(slash, '/')) != NULL; slash++) {
		*slash = '\0';
		mkdir(path, 0755);
		*slash = '/';
	}
	file = fopen(path, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

static void
check(void)
{
	memset(&report, 0, sizeof(report));
	resources_check(conf, root, "x", &report);
	assert_int_equal(report.errors, 0);
}

static void
must_say_nothing(void)
{
	check();
	if (report.warnings != 0)
		fail_msg("%s", report.lines[0].text);
}

/* One warning: before, and when there is something behind it root and that. */
static void
must_warn(const char *before, const char *after)
{
	char want[REPORT_LINE_MAX];

	check();
	assert_int_equal(report.warnings, 1);
	snprintf(want, sizeof(want),
	    "x:3: limits.max_clients: 100 clients need %s%s%s", before,
	    after[0] != '\0' ? root : "", after);
	assert_string_equal(report.lines[0].text, want);
}

/* ------------------------------------------------------------- control groups */

#define GROUP_WARNING(limit, enough) \
	"106 processes, the control group's limit is " #limit \
	", enough for " #enough " (TasksMax=, "

static void
nothing_there(void **state)
{
	(void)state;
	must_say_nothing();
	put("/proc/self/cgroup", "");
	must_say_nothing();
}

static void
version_2(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "0::/system.slice/forkgreet.service\n");
	must_say_nothing();
	put("/sys/fs/cgroup/system.slice/forkgreet.service/pids.max", "max\n");
	must_say_nothing();
	put("/sys/fs/cgroup/system.slice/forkgreet.service/pids.max", "106\n");
	must_say_nothing();
	put("/sys/fs/cgroup/system.slice/forkgreet.service/pids.max", "105\n");
	must_warn(GROUP_WARNING(105, 99),
	    "/sys/fs/cgroup/system.slice/forkgreet.service/pids.max)");
	/* What is around it is lower. */
	put("/sys/fs/cgroup/system.slice/pids.max", "50\n");
	must_warn(GROUP_WARNING(50, 44),
	    "/sys/fs/cgroup/system.slice/pids.max)");
	put("/sys/fs/cgroup/pids.max", "3\n");
	must_warn(GROUP_WARNING(3, 0), "/sys/fs/cgroup/pids.max)");
	/* Or what is inside. */
	put("/sys/fs/cgroup/pids.max", "70\n");
	must_warn(GROUP_WARNING(50, 44),
	    "/sys/fs/cgroup/system.slice/pids.max)");
}

static void
version_1(void **state)
{
	(void)state;
	put("/proc/self/cgroup",
	    "12:cpu,cpuacct:/a\n7:misc,pids,x:/a/b\n1:name=systemd:/c\n"
	    "0::/c\n");
	put("/sys/fs/cgroup/a/b/pids.max", "1\n"); /* not version 1's */
	put("/sys/fs/cgroup/pids/a/pids.max", "200\n");
	must_say_nothing();
	put("/sys/fs/cgroup/pids/a/b/pids.max", "20\n");
	must_warn(GROUP_WARNING(20, 14),
	    "/sys/fs/cgroup/pids/a/b/pids.max)");
}

/* A container sees the group that its host has, and only its own files. */
static void
container(void **state)
{
	(void)state;
	put("/proc/self/cgroup", "8:pids:/docker/0123\n0::/docker/0123\n");
	put("/sys/fs/cgroup/pids/pids.max", "30\n");
	must_warn(GROUP_WARNING(30, 24), "/sys/fs/cgroup/pids/pids.max)");
	put("/proc/self/cgroup", "8:pids:/\n");
	must_warn(GROUP_WARNING(30, 24), "/sys/fs/cgroup/pids/pids.max)");
	put("/proc/self/cgroup", "8:pids:/../other\n");
	must_say_nothing();
}

/* Lines that are none, and numbers that are none. */
static void
odd_files(void **state)
{
	static const char *const lines[] = { "\n", ":\n", "::\n", "0\n", "0:\n",
		"0:pids\n", "0:pids:\n", "0:pids:x\n", "pids", "1:pid:/\n",
		"1:pidss:/\n", "1:xpids:/\n", "1:,:/\n" };
	static const char *const numbers[] = { "", "\n", "x\n", "-1\n", "1 2\n",
		"max\n", "99999999999999999999\n" };
	size_t i;

	(void)state;
	put("/sys/fs/cgroup/pids/pids.max", "30\n");
	for (i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		put("/proc/self/cgroup", lines[i]);
		must_say_nothing();
	}
	put("/proc/self/cgroup", "0::\n1:pids,:/");
	must_warn(GROUP_WARNING(30, 24), "/sys/fs/cgroup/pids/pids.max)");
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		put("/sys/fs/cgroup/pids/pids.max", numbers[i]);
		must_say_nothing();
	}
}

/* ---------------------------------------------------------------------- others */

static void
machine(void **state)
{
	(void)state;
	put("/proc/sys/kernel/pid_max", "406\n");
	must_say_nothing();
	put("/proc/sys/kernel/pid_max", "405\n");
	must_warn("106 processes, this machine has process IDs for 405, enough "
		  "for 99 (sysctl kernel.pid_max)",
	    "");
}

/* In a child: a hard limit cannot be raised again by everybody. */
static void
in_child(void (*body)(void), bool keep_root)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* Root without the right to raise limits. */
		if (geteuid() == 0 && !keep_root &&
		    (setgid(65534) == -1 || setuid(65534) == -1))
			_exit(2);
		body();
		_exit(report.warnings == 0 ? 0 : 1);
	}
	assert_int_not_equal(pid, -1);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* What 100 clients need, and what they are given if it can be had. */
#define NEEDED (100 + 2 + 64 + LINGER_MAX)
#define FILES (NEEDED + 100)

static void
set_limit(int resource, rlim_t soft, rlim_t hard)
{
	struct rlimit limit = { soft, hard };

	if (setrlimit(resource, &limit) == -1)
		_exit(3);
}

/* Exits unless the soft limit is that. */
static void
must_have(int resource, rlim_t soft)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) == -1 || limit.rlim_cur != soft)
		_exit(4);
}

/* Exits unless there is one warning, and it ends so. */
static void
must_end(const char *want)
{
	size_t length = strlen(report.lines[0].text);

	if (report.warnings != 1 || length < strlen(want) ||
	    strcmp(report.lines[0].text + length - strlen(want), want) != 0) {
		fprintf(stderr, "%s\n", report.lines[0].text);
		_exit(5);
	}
	report.warnings = 0;
}

static void
limits_raised(void)
{
	set_limit(RLIMIT_NOFILE, 20, FILES);
	set_limit(RLIMIT_NPROC, 1, 106);
	resources_check(conf, root, "x", &report);
	must_have(RLIMIT_NOFILE, FILES);
	must_have(RLIMIT_NPROC, 106);
}

static void
files_just_enough(void)
{
	set_limit(RLIMIT_NOFILE, 20, NEEDED);
	resources_check(conf, root, "x", &report);
	must_have(RLIMIT_NOFILE, NEEDED);
}

static void
files_too_few(void)
{
	char want[128];

	set_limit(RLIMIT_NOFILE, 20, NEEDED - 1);
	resources_check(conf, root, "x", &report);
	must_have(RLIMIT_NOFILE, NEEDED - 1);
	snprintf(want, sizeof(want),
	    "need %d open files, the limit is %d, enough for 99 "
	    "(ulimit -n, LimitNOFILE=)",
	    NEEDED, NEEDED - 1);
	must_end(want);
}

static void
processes_too_few(void)
{
	set_limit(RLIMIT_NPROC, 1, 4);
	resources_check(conf, root, "x", &report);
	must_have(RLIMIT_NPROC, 4);
	must_end("need 106 processes, the user's limit is 4, enough for 0 "
		 "(ulimit -u, LimitNPROC=)");
}

static void
more_than_enough(void)
{
	set_limit(RLIMIT_NOFILE, FILES + 1, FILES + 2);
	set_limit(RLIMIT_NPROC, 106, 107);
	resources_check(conf, root, "x", &report);
	must_have(RLIMIT_NOFILE, FILES + 1);
	must_have(RLIMIT_NPROC, 106);
}

static void
limits(void **state)
{
	(void)state;
	in_child(limits_raised, false);
	in_child(files_just_enough, false);
	in_child(files_too_few, false);
	in_child(processes_too_few, false);
	/* Root could raise the hard limit. */
	in_child(processes_too_few, true);
	in_child(more_than_enough, false);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_there),
		TEST(version_2),
		TEST(version_1),
		TEST(container),
		TEST(odd_files),
		TEST(machine),
		TEST(limits),
	};

	return cmocka_run_group_tests_name("budget", tests, setup, teardown);
}
