/* The file of the operator's words: master/state_file.c.  Whatever fails, and
 * whenever the daemon is killed, the old or the new one is there, whole. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/state_file.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define PATH_ROOM 256
#define KILLS 100
#define KILL_LATEST 5000 /* microseconds after the writing began */

/* Exit codes of the children below. */
#define WELL 0
#define CANNOT_MOUNT 77

static char folder[] = "/tmp/forkgreet-test-state-XXXXXX";
static char path[PATH_ROOM];

static struct state_words one, most, found;

/* ------------------------------------------ calls that are counted, or fail */

static char calls[64]; /* a letter each: write, fsync, rename */
static size_t fail_at; /* the number of the one that fails; 0: none */
static int fail_with;

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);
ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);

static bool
call_fails(char letter)
{
	size_t n = strlen(calls);

	if (n + 1 < sizeof(calls)) {
		calls[n] = letter;
		calls[n + 1] = '\0';
	}
	errno = fail_with;
	return n + 1 == fail_at;
}

int
__wrap_fsync(int fd)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return call_fails('d') ? -1 : __real_fsync(fd);
	return call_fails('f') ? -1 : __real_fsync(fd);
}

int
__wrap_rename(const char *from, const char *to)
{
	return call_fails('r') ? -1 : __real_rename(from, to);
}

ssize_t
__wrap_write(int fd, const void *bytes, size_t length)
{
	return call_fails('w') ? -1 : __real_write(fd, bytes, length);
}

static void
calls_begin(size_t number, int error)
{
	calls[0] = '\0';
	fail_at = number;
	fail_with = error;
}

/* ------------------------------------------------------------------ helpers */

static const char *
beside(const char *suffix)
{
	static char name[PATH_ROOM + 16];

	snprintf(name, sizeof(name), "%s%s", path, suffix);
	return name;
}

static bool
is_there(const char *suffix)
{
	struct stat st;

	return lstat(beside(suffix), &st) == 0;
}

static void
put(const char *suffix, const char *text)
{
	int fd = open(
	    beside(suffix), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(__real_write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int
write_words(const struct state_words *words)
{
	const char *step = "";

	return state_file_write(path, words, &step);
}

static bool
holds(const struct state_words *words)
{
	const char *why;

	if (state_file_read(path, &found, &why) != STATE_FILE_GOOD)
		return false;
	return found.n == words->n &&
	    memcmp(found.list, words->list,
		words->n * sizeof(words->list[0])) == 0;
}

static void
must_be(enum state_file_result wanted, const char *text)
{
	const char *why = "unset";

	found.n = 1;
	assert_int_equal(state_file_read(path, &found, &why), wanted);
	assert_int_equal(found.n, 0);
	assert_non_null(strstr(why, text));
}

static void
wait_for(pid_t child, int wanted)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), wanted);
}

static int
setup_group(void **state)
{
	(void)state;
	one = (struct state_words){ .n = 1 };
	one.list[0] = (struct state_word){ "web", STATE_DRAIN, 0, 5, "disks" };
	for (most.n = 0; most.n < STATE_WORDS_MAX; most.n++) {
		struct state_word *word = &most.list[most.n];

		snprintf(word->listener, sizeof(word->listener), "%zu", most.n);
		memset(word->reason, 'r', STATE_REASON_MAX);
	}
	return mkdtemp(folder) == NULL ? -1 : 0;
}

static int
setup(void **state)
{
	(void)state;
	calls_begin(0, 0);
	snprintf(path, sizeof(path), "%s/state", folder);
	return 0;
}

/* Whatever a test left. */
static int
teardown(void **state)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	(void)state;
	if (dir == NULL)
		return -1;
	while ((entry = readdir(dir)) != NULL) {
		snprintf(path, sizeof(path), "%s/%.100s", folder,
		    entry->d_name);
		if (entry->d_name[0] != '.')
			remove(path);
	}
	closedir(dir);
	return 0;
}

static int
teardown_group(void **state)
{
	(void)state;
	return rmdir(folder);
}

/* ------------------------------------------------------------------ reading */

static void
test_written_and_read(void **state)
{
	struct stat st;

	(void)state;
	assert_int_equal(write_words(&one), 0);
	assert_true(holds(&one));
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(write_words(&most), 0);
	assert_true(holds(&most));
	assert_int_equal(write_words(&one), 0);
	assert_true(holds(&one));
	assert_false(is_there(".new"));
}

/* In the working directory, without a slash. */
static void
test_relative(void **state)
{
	int before = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	assert_int_not_equal(before, -1);
	assert_int_equal(chdir(folder), 0);
	snprintf(path, sizeof(path), "state");
	assert_int_equal(write_words(&one), 0);
	assert_true(holds(&one));
	assert_int_equal(fchdir(before), 0);
	close(before);
}

static void
test_absent(void **state)
{
	(void)state;
	must_be(STATE_FILE_ABSENT, "");
	snprintf(path, sizeof(path), "%s/no/state", folder);
	must_be(STATE_FILE_ABSENT, "");
}

static void
test_damaged(void **state)
{
	struct stat st;

	(void)state;
	put("", "");
	must_be(STATE_FILE_DAMAGED, "not as it was written");
	assert_int_equal(write_words(&one), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 1), 0);
	must_be(STATE_FILE_DAMAGED, "not as it was written");
	assert_int_equal(truncate(path, STATE_TEXT_MAX), 0);
	must_be(STATE_FILE_DAMAGED, "not as it was written");
	assert_int_equal(truncate(path, STATE_TEXT_MAX + 1), 0);
	must_be(STATE_FILE_DAMAGED, "is larger than");
	assert_int_equal(write_words(&one), 0);
	assert_int_equal(chmod(path, 0622), 0);
	must_be(STATE_FILE_DAMAGED, "can write it");
}

/* Nobody writes to the FIFO: that must not be waited for. */
static void
test_not_regular(void **state)
{
	(void)state;
	assert_int_equal(mkfifo(path, 0600), 0);
	alarm(10);
	must_be(STATE_FILE_DAMAGED, "not a regular file");
	alarm(0);
	assert_int_equal(state_file_set_aside(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	must_be(STATE_FILE_DAMAGED, "is a directory");
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(symlink("state", path), 0);
	must_be(STATE_FILE_UNREADABLE, strerror(ELOOP));
}

static void
test_set_aside(void **state)
{
	struct stat st;

	(void)state;
	put("", "newer");
	put(".damaged", "old");
	assert_int_equal(state_file_set_aside(path), 0);
	must_be(STATE_FILE_ABSENT, "");
	assert_int_equal(stat(beside(".damaged"), &st), 0);
	assert_int_equal(st.st_size, strlen("newer"));
	assert_int_equal(state_file_set_aside(path), -1);
	assert_int_equal(errno, ENOENT);
}

/* ------------------------------------------------------------------ writing */

/* The file is on the disk before it has its name. */
static void
test_order(void **state)
{
	(void)state;
	assert_int_equal(write_words(&most), 0);
	assert_string_equal(calls, "wfrd");
}

static void
test_each_call_fails(void **state)
{
	static const char *const steps[] = { "write", "sync", "rename",
		"sync directory" };
	const char *step;

	(void)state;
	for (size_t i = 0; i < COUNT(steps); i++) {
		calls_begin(0, 0);
		assert_int_equal(write_words(&one), 0);
		calls_begin(i + 1, EIO);
		step = "";
		assert_int_equal(state_file_write(path, &most, &step), -1);
		assert_int_equal(errno, EIO);
		assert_string_equal(step, steps[i]);
		assert_false(is_there(".new"));
		assert_true(holds(i < 3 ? &one : &most));
	}
}

static void
test_interrupted(void **state)
{
	(void)state;
	for (size_t i = 1; i <= 4; i += i == 2 ? 2 : 1) {
		calls_begin(i, EINTR);
		assert_int_equal(write_words(&one), 0);
		assert_int_equal(strlen(calls), 5);
		assert_true(holds(&one));
	}
}

/* As some file systems say of a directory, and none of a file. */
static void
test_nothing_to_sync(void **state)
{
	(void)state;
	calls_begin(4, EINVAL);
	assert_int_equal(write_words(&one), 0);
	calls_begin(2, EINVAL);
	assert_int_equal(write_words(&most), -1);
	assert_true(holds(&one));
}

static void
test_stale(void **state)
{
	(void)state;
	put(".new", "what a crash has left");
	assert_int_equal(write_words(&one), 0);
	assert_true(holds(&one));
	assert_false(is_there(".new"));
	/* Somebody's link is removed, not followed. */
	put(".other", "other");
	assert_int_equal(symlink("state.other", beside(".new")), 0);
	assert_int_equal(write_words(&most), 0);
	assert_true(holds(&most));
	snprintf(path, sizeof(path), "%s/state.other", folder);
	must_be(STATE_FILE_DAMAGED, "");
}

static void
must_fail(const struct state_words *words, const char *wanted, int error)
{
	const char *step = "";

	assert_int_equal(state_file_write(path, words, &step), -1);
	assert_int_equal(errno, error);
	assert_string_equal(step, wanted);
}

static void
test_cannot_write(void **state)
{
	static struct state_words down = { .n = 1 };
	static char far[5000];
	const char *step = "";

	(void)state;
	down.list[0].state = STATE_DOWN;
	assert_int_equal(write_words(&one), 0);
	must_fail(&down, "format", EINVAL);
	assert_true(holds(&one));
	assert_int_equal(mkdir(beside(".new"), 0700), 0);
	must_fail(&most, "remove old", EISDIR);
	assert_true(holds(&one));
	snprintf(path, sizeof(path), "%s/no/state", folder);
	must_fail(&one, "create", ENOENT);
	memset(far, 'x', sizeof(far) - 1);
	assert_int_equal(state_file_write(far, &one, &step), -1);
	assert_string_equal(step, "name");
	assert_int_equal(errno, ENAMETOOLONG);
	assert_int_equal(state_file_set_aside(far), -1);
}

/* ---------------------------------------------------------- kill, full disk */

_Noreturn static void
write_for_ever(void)
{
	for (;;) {
		calls_begin(0, 0);
		if (write_words(&one) == -1 || write_words(&most) == -1)
			_exit(1);
	}
}

static void
test_killed(void **state)
{
	struct timespec moment = { 0 };
	unsigned times[2] = { 0, 0 };
	pid_t child;
	int status;

	(void)state;
	assert_int_equal(write_words(&one), 0);
	for (int i = 0; i < KILLS; i++) {
		child = fork();
		assert_int_not_equal(child, -1);
		if (child == 0)
			write_for_ever();
		moment.tv_nsec = 1000L * (KILL_LATEST / KILLS) * (i + 1);
		nanosleep(&moment, NULL);
		kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		assert_true(holds(&one) || holds(&most));
		times[found.n > 1]++;
	}
	print_message("# old %u times, new %u times\n", times[0], times[1]);
	assert_int_equal(write_words(&one), 0);
	assert_true(holds(&one));
	assert_false(is_there(".new"));
}

/* A disk of three pages: the file, and what is written beside it. */
static bool
disk_mount(void)
{
	return unshare(CLONE_NEWNS) == 0 &&
	    mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0 &&
	    mount("none", folder, "tmpfs", 0, "size=12k,mode=700") == 0;
}

/* Exits with WELL, or with the number of what is wrong. */
_Noreturn static void
fill_disk(void)
{
	const char *step = "";

	if (!disk_mount())
		_exit(CANNOT_MOUNT);
	if (write_words(&one) == -1)
		_exit(1);
	if (state_file_write(path, &most, &step) != -1 || errno != ENOSPC)
		_exit(2);
	if (strcmp(step, "write") != 0)
		_exit(3);
	if (!holds(&one) || is_there(".new"))
		_exit(4);
	if (write_words(&one) == -1 || !holds(&one))
		_exit(5);
	_exit(WELL);
}

static void
test_full_disk(void **state)
{
	pid_t child = fork();
	int status;

	(void)state;
	assert_int_not_equal(child, -1);
	if (child == 0)
		fill_disk();
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CANNOT_MOUNT) {
		print_message("# may not mount a small disk\n");
		skip();
	}
	assert_int_equal(WEXITSTATUS(status), WELL);
}

/* --------------------------------------------------------------------- lock */

static int
lock(pid_t *holder)
{
	const char *step = "";

	*holder = -1;
	return state_file_lock(path, holder, &step);
}

/* In another process: WELL when the parent has the lock. */
_Noreturn static void
must_be_refused(void)
{
	const char *step = "";
	pid_t holder;

	if (state_file_lock(path, &holder, &step) != -1)
		_exit(1);
	if (errno != EAGAIN)
		_exit(2);
	if (holder != getppid())
		_exit(3);
	_exit(strcmp(step, "lock") == 0 ? WELL : 4);
}

/* WELL when the lock is to be had, and what a crash has left is removed. */
_Noreturn static void
must_get_it(void)
{
	pid_t holder;
	int fd = lock(&holder);

	if (fd == -1 || holder != 0)
		_exit(1);
	if ((fcntl(fd, F_GETFD) & FD_CLOEXEC) == 0)
		_exit(2);
	_exit(is_there(".new") ? 3 : WELL);
}

static void
in_child(void (*what)(void))
{
	pid_t child = fork();

	assert_int_not_equal(child, -1);
	if (child == 0)
		what();
	wait_for(child, WELL);
}

static void
test_lock(void **state)
{
	pid_t holder;
	int fd = lock(&holder);

	(void)state;
	assert_int_not_equal(fd, -1);
	assert_int_equal(holder, 0);
	put(".new", "being written");
	in_child(must_be_refused);
	assert_true(is_there(".new"));
	in_child(must_be_refused); /* also after somebody was refused */
	assert_int_equal(write_words(&one), 0);
	in_child(must_be_refused); /* and after the file has been replaced */
	put(".new", "left by a crash");
	close(fd);
	in_child(must_get_it);
}

static void
test_lock_file_will_not_do(void **state)
{
	const char *step = "";
	pid_t holder;

	(void)state;
	assert_int_equal(mkfifo(beside(".lock"), 0600), 0);
	assert_int_equal(state_file_lock(path, &holder, &step), -1);
	assert_int_equal(errno, EINVAL);
	assert_string_equal(step, "open lock");
	assert_int_equal(unlink(beside(".lock")), 0);
	put(".other", "");
	assert_int_equal(symlink("state.other", beside(".lock")), 0);
	assert_int_equal(lock(&holder), -1);
	assert_int_equal(errno, ELOOP);
	snprintf(path, sizeof(path), "%s/no/state", folder);
	assert_int_equal(lock(&holder), -1);
	assert_int_equal(errno, ENOENT);
	assert_int_equal(holder, 0);
}

#define TEST(function) \
	cmocka_unit_test_setup_teardown(function, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_written_and_read),
		TEST(test_relative),
		TEST(test_absent),
		TEST(test_damaged),
		TEST(test_not_regular),
		TEST(test_set_aside),
		TEST(test_order),
		TEST(test_each_call_fails),
		TEST(test_interrupted),
		TEST(test_nothing_to_sync),
		TEST(test_stale),
		TEST(test_cannot_write),
		TEST(test_killed),
		TEST(test_full_disk),
		TEST(test_lock),
		TEST(test_lock_file_will_not_do),
	};

	return cmocka_run_group_tests_name(
	    "state_file", tests, setup_group, teardown_group);
}
