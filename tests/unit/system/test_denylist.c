/* What the master may not call any more, whoever it execs: master/system/denylist.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/system/denylist.h"

/* Written down here a second time on purpose.  Without arguments all of them
 * fail otherwise, or do nothing. */
static const struct call {
	const char *name;
	long number;
} denied[] = {
	{ "execve", SYS_execve },
#ifndef WITH_SANITIZERS
	{ "ptrace", SYS_ptrace },
#endif
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "process_vm_writev", SYS_process_vm_writev },
	{ "process_madvise", 440 },
	{ "pidfd_getfd", 438 },
	{ "kcmp", SYS_kcmp },
	{ "init_module", SYS_init_module },
	{ "finit_module", SYS_finit_module },
	{ "delete_module", SYS_delete_module },
	{ "kexec_load", SYS_kexec_load },
#ifdef SYS_kexec_file_load
	{ "kexec_file_load", SYS_kexec_file_load },
#endif
	{ "bpf", SYS_bpf },
	{ "perf_event_open", SYS_perf_event_open },
	{ "userfaultfd", SYS_userfaultfd },
	{ "io_uring_setup", 425 },
	{ "add_key", SYS_add_key },
	{ "request_key", SYS_request_key },
	{ "keyctl", SYS_keyctl },
	{ "mount", SYS_mount },
	{ "umount2", SYS_umount2 },
	{ "pivot_root", SYS_pivot_root },
	{ "chroot", SYS_chroot },
	{ "move_mount", 429 },
	{ "open_tree", 428 },
	{ "fsopen", 430 },
	{ "open_tree_attr", 467 },
	{ "fsconfig", 431 },
	{ "fsmount", 432 },
	{ "fspick", 433 },
	{ "mount_setattr", 442 },
	{ "unshare", SYS_unshare },
	{ "setns", SYS_setns },
	{ "open_by_handle_at", SYS_open_by_handle_at },
	{ "swapon", SYS_swapon },
	{ "swapoff", SYS_swapoff },
	{ "reboot", SYS_reboot },
	{ "acct", SYS_acct },
	{ "quotactl", SYS_quotactl },
	{ "syslog", SYS_syslog },
#ifdef SYS_iopl
	{ "iopl", SYS_iopl },
	{ "ioperm", SYS_ioperm },
#endif
	{ "clock_settime", SYS_clock_settime },
	{ "settimeofday", SYS_settimeofday },
	{ "clock_adjtime", SYS_clock_adjtime },
	{ "adjtimex", SYS_adjtimex },
	{ "sethostname", SYS_sethostname },
	{ "setdomainname", SYS_setdomainname },
	{ "personality", SYS_personality },
};

#define DENIED (sizeof(denied) / sizeof(denied[0]))
/* Exit codes of the children below: all is well, or the index of what is not. */
#define WELL 200

/* The index of the first call that is not denied. */
static int
try_all(void)
{
	size_t i;

	for (i = 0; i < DENIED; i++) {
		errno = 0;
		if (syscall(denied[i].number, -1L, -1L, -1L, -1L, -1L, -1L) !=
			-1 ||
		    errno != EPERM)
			return (int)i;
	}
	return WELL;
}

static int
exit_code_of(int (*what)(void))
{
	int status;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		/* As an ordinary user some give EPERM anyway: not here. */
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
			_exit(WELL + 1);
		_exit(what());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int
enter_and_try(void)
{
	denylist_enter();
	return try_all();
}

static void
all_are_denied(void **state)
{
	int code = exit_code_of(enter_and_try);

	(void)state;
	if (code < (int)DENIED)
		fail_msg("%s is not denied", denied[code].name);
	assert_int_equal(code, WELL);
}

/* The test can fail: most of them are not refused to begin with. */
static void
not_before(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(try_all), 0);
}

/* This program once more, as the daemon execs: by descriptor. */
static int
enter_and_exec(void)
{
	static char name[] = "test_denylist", again[] = "again";
	char *const arguments[] = { name, again, NULL };
	char *const environment[] = { NULL };
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);

	denylist_enter();
	syscall(SYS_execveat, fd, "", arguments, environment, AT_EMPTY_PATH);
	return WELL + 2;
}

static void
survives_exec(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(enter_and_exec), WELL);
}

/* Not by a path, whatever else may be asked for. */
static int
enter_and_exec_path(void)
{
	static char name[] = "true";
	char *const arguments[] = { name, NULL };
	char *const environment[] = { NULL };

	denylist_enter();
	syscall(SYS_execveat, AT_FDCWD, "/bin/true", arguments, environment,
	    0);
	return errno == EPERM ? WELL : WELL + 2;
}

static void
no_exec_by_path(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(enter_and_exec_path), WELL);
}

/* What C2 ran: AT_FDCWD is no descriptor, and its absolute path was followed. */
static int
enter_and_exec_by_fdcwd(void)
{
	static char name[] = "sh", option[] = "-c", command[] = "exit 7";
	char *const arguments[] = { name, option, command, NULL };
	char *const environment[] = { NULL };
	/* The kernel looks at the lower half of an int. */
	static const long directories[] = { AT_FDCWD,
		(long)(uint32_t)AT_FDCWD };
	size_t i;

	denylist_enter();
	for (i = 0; i < sizeof(directories) / sizeof(directories[0]); i++) {
		syscall(SYS_execveat, directories[i], "/bin/sh", arguments,
		    environment, AT_EMPTY_PATH);
		if (errno != EPERM)
			return WELL + 2;
	}
	return WELL;
}

static void
test_c2_no_exec_by_the_working_directory(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(enter_and_exec_by_fdcwd), WELL);
}

/* clone(2) with these flags, and nothing to come back to but here. */
static long
clone_with(unsigned long flags)
{
#ifdef __s390__
	return syscall(SYS_clone, 0L, flags, 0L, 0L, 0L);
#else
	return syscall(SYS_clone, flags, 0L, 0L, 0L, 0L);
#endif
}

static int
enter_and_clone(void)
{
	static const unsigned long flags[] = { CLONE_NEWNS, CLONE_NEWCGROUP,
		CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWUSER, CLONE_NEWPID,
		CLONE_NEWNET };
	size_t i;
	long pid;

	denylist_enter();
	for (i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		errno = 0;
		pid = clone_with(flags[i] | SIGCHLD);
		if (pid == 0)
			_exit(0);
		if (pid != -1 || errno != EPERM)
			return (int)i;
		errno = 0;
		pid = clone_with(flags[i] | CLONE_NEWUSER | SIGCHLD);
		if (pid == 0)
			_exit(0);
		if (pid != -1 || errno != EPERM)
			return (int)i + 50;
	}
	return WELL;
}

static void
test_c2_clone_makes_no_namespace(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(enter_and_clone), WELL);
}

/* What the C library asks for first, and goes on without. */
static int
enter_and_fork(void)
{
	pid_t pid;
	int status;

	denylist_enter();
	errno = 0;
	if (syscall(SYS_clone3, NULL, 0L) != -1 || errno != ENOSYS)
		return WELL + 2;
	pid = fork();
	if (pid == 0)
		_exit(3);
	if (waitpid(pid, &status, 0) != pid || WEXITSTATUS(status) != 3)
		return WELL + 3;
	return WELL;
}

static void
test_c2_fork_goes_on_without_clone3(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(enter_and_fork), WELL);
}

/* Written down in denylist.c and in SECURITY.md: when one of them is closed, they
 * are to say so. */
static int
enter_and_exec_by_any_descriptor(void)
{
	static char name[] = "sh", option[] = "-c", command[] = "exit 7";
	char *const arguments[] = { name, option, command, NULL };
	char *const environment[] = { NULL };
	int fd = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	denylist_enter();
	syscall(SYS_execveat, fd, "/bin/sh", arguments, environment,
	    AT_EMPTY_PATH);
	return WELL + 2;
}

static void
test_c2_a_path_cannot_be_denied(void **state)
{
	(void)state;
	if (sizeof(long) == 4) {
		print_message("# the shell may be of 64 bits, and the filter "
		    "ends what is of another architecture\n");
		skip();
	}
	assert_int_equal(exit_code_of(enter_and_exec_by_any_descriptor), 7);
}

/* What a taken over master still can, and SECURITY.md says so: all else that its
 * user may.  When one of them is denied, it is to say that. */
static int
enter_and_do_what_the_user_may(void)
{
	const struct sockaddr_in any = { .sin_family = AF_INET };
	struct sockaddr_in name;
	socklen_t length = sizeof(name);
	int listener, client, fd, status;
	pid_t pid;

	denylist_enter();
	fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC);
	listener = socket(AF_INET, SOCK_STREAM, 0);
	client = socket(AF_INET, SOCK_STREAM, 0);
	if (fd == -1 || listener == -1 || client == -1)
		return WELL + 2;
	if (bind(listener, (const struct sockaddr *)&any, sizeof(any)) == -1 ||
	    listen(listener, 1) == -1 ||
	    getsockname(listener, (struct sockaddr *)&name, &length) == -1 ||
	    connect(client, (struct sockaddr *)&name, length) == -1)
		return WELL + 3;
	pid = fork();
	if (pid == 0) {
		alarm(10); /* it ends though nobody can signal it */
		pause();
		_exit(0);
	}
	if (pid == -1 || kill(pid, SIGKILL) == -1 ||
	    waitpid(pid, &status, 0) != pid)
		return WELL + 4;
	return WTERMSIG(status) == SIGKILL ? WELL : WELL + 5;
}

static void
test_c11_the_rest_is_what_the_user_may(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(enter_and_do_what_the_user_may), WELL);
}

/* Twice: a daemon that execs itself loads it again. */
static int
enter_twice(void)
{
	denylist_enter();
	denylist_enter();
	return try_all();
}

static void
stacks(void **state)
{
	(void)state;
	assert_int_equal(exit_code_of(enter_twice), WELL);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(not_before),
		cmocka_unit_test(all_are_denied),
		cmocka_unit_test(survives_exec),
		cmocka_unit_test(no_exec_by_path),
		cmocka_unit_test(test_c2_no_exec_by_the_working_directory),
		cmocka_unit_test(test_c2_clone_makes_no_namespace),
		cmocka_unit_test(test_c2_fork_goes_on_without_clone3),
		cmocka_unit_test(test_c2_a_path_cannot_be_denied),
		cmocka_unit_test(test_c11_the_rest_is_what_the_user_may),
		cmocka_unit_test(stacks),
	};

	(void)argv;
	if (argc > 1)
		return try_all();
	return cmocka_run_group_tests_name("denylist", tests, NULL, NULL);
}
