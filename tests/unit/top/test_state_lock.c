/* What the kernel may refuse where the file of the operator's words is locked,
 * named and replaced: master/state_file.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/state_file.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define OTHER 77 /* a pid */

static char folder[] = "/tmp/forkgreet-test-lock-XXXXXX";
static char path[PATH_MAX];

/* What the kernel says of a lock: an error, or who has it. */
static struct verdict {
	int taking; /* errno; 0: it is taken */
	int asking;
	short type;
	pid_t pid;
	/* To be said. */
	int error;
	pid_t holder;
} verdict;

static int no_directory; /* errno where one is opened; 0: it works */

int __real_fcntl(int fd, int command, ...);
int __wrap_fcntl(int fd, int command, ...);
int __wrap_fcntl64(int fd, int command, ...);
int __real_open(const char *name, int flags, ...);
int __wrap_open(const char *name, int flags, ...);
int __wrap_open64(const char *name, int flags, ...);

static int
lock_call(int command, struct flock *lock)
{
	errno = command == F_SETLK ? verdict.taking : verdict.asking;
	if (command == F_GETLK) {
		lock->l_type = verdict.type;
		lock->l_pid = verdict.pid;
	}
	return errno == 0 ? 0 : -1;
}

#define LOCK_CALL                                                             \
	va_list list;                                                         \
	struct flock *lock;                                                   \
                                                                              \
	(void)fd;                                                             \
	va_start(list, command);                                              \
	lock = va_arg(list, struct flock *);                                  \
	va_end(list);                                                         \
	return lock_call(command, lock)

int
__wrap_fcntl(int fd, int command, ...)
{
	LOCK_CALL;
}

int
__wrap_fcntl64(int fd, int command, ...)
{
	LOCK_CALL;
}

#define OPEN_CALL                                                             \
	errno = no_directory;                                                 \
	if ((flags & O_DIRECTORY) == O_DIRECTORY && no_directory != 0)        \
		return -1;                                                    \
	return __real_open(name, flags, 0600)

int
__wrap_open(const char *name, int flags, ...)
{
	OPEN_CALL;
}

int
__wrap_open64(const char *name, int flags, ...)
{
	OPEN_CALL;
}

static void
test_verdicts(void **state)
{
	static const struct verdict verdicts[] = {
		{ ENOLCK, 0, F_WRLCK, OTHER, ENOLCK, 0 },
		{ EACCES, 0, F_WRLCK, OTHER, EAGAIN, OTHER },
		{ EAGAIN, 0, F_WRLCK, OTHER, EAGAIN, OTHER },
		{ EAGAIN, EINVAL, F_WRLCK, OTHER, EAGAIN, 0 },
		/* It has just gone, or is not a process of ours. */
		{ EAGAIN, 0, F_UNLCK, OTHER, EAGAIN, 0 },
		{ EAGAIN, 0, F_WRLCK, -1, EAGAIN, 0 },
	};
	const char *step;
	pid_t holder;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(verdicts); i++) {
		verdict = verdicts[i];
		step = "";
		holder = OTHER + 1;
		assert_int_equal(state_file_lock(path, &holder, &step), -1);
		assert_int_equal(errno, verdict.error);
		assert_int_equal(holder, verdict.holder);
		assert_string_equal(step, "lock");
	}
	verdict = (struct verdict) { 0 };
}

/* A path of length bytes, in a static buffer. */
static const char *
long_path(size_t length)
{
	static char name[PATH_MAX];
	size_t n = (size_t)snprintf(name, sizeof(name), "%s/", folder);

	assert_true(length < sizeof(name));
	while (n + 8 < length)
		n += (size_t)snprintf(name + n, sizeof(name) - n, "./");
	memset(name + n, 's', length - n);
	name[length] = '\0';
	return name;
}

/* A path that is possible, but for what stands behind it. */
static void
test_names_are_too_long(void **state)
{
	const char *name = long_path(PATH_MAX - sizeof(".lock") + 1);
	const char *step = "";
	pid_t holder;
	int fd;

	(void)state;
	assert_int_equal(state_file_lock(name, &holder, &step), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	assert_string_equal(step, "name");
	fd = state_file_lock(
	    long_path(PATH_MAX - sizeof(".lock")), &holder, &step);
	assert_true(fd >= 0);
	close(fd);
	name = long_path(PATH_MAX - sizeof(".damaged") + 1);
	errno = 0;
	assert_int_equal(state_file_set_aside(name), -1);
	assert_int_equal(errno, ENAMETOOLONG);
}

/* What a crash has left goes when the lock is taken; where it cannot, there is no
 * lock. */
static void
test_left(void **state)
{
	char name[PATH_MAX + 8];
	const char *step = "";
	pid_t holder;
	int fd;

	(void)state;
	snprintf(name, sizeof(name), "%s.new", path);
	assert_int_equal(close(creat(name, 0600)), 0);
	fd = state_file_lock(path, &holder, &step);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(access(name, F_OK), -1);
	assert_int_equal(mkdir(name, 0700), 0);
	assert_int_equal(state_file_lock(path, &holder, &step), -1);
	assert_int_equal(errno, EISDIR);
	assert_string_equal(step, "remove old");
	assert_int_equal(rmdir(name), 0);
}

/* The new words are in place then, and may be lost. */
static void
test_no_directory(void **state)
{
	static const struct state_words none;
	const char *step = "";

	(void)state;
	no_directory = EMFILE;
	assert_int_equal(state_file_write(path, &none, &step), -1);
	assert_int_equal(errno, EMFILE);
	assert_string_equal(step, "sync directory");
	no_directory = 0;
	assert_int_equal(access(path, F_OK), 0);
}

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(folder) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/state", folder);
	return 0;
}

static int
teardown(void **state)
{
	char command[PATH_MAX];

	(void)state;
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_names_are_too_long),
		cmocka_unit_test(test_left),
		cmocka_unit_test(test_no_directory),
	};

	return cmocka_run_group_tests_name(
	    "state_lock", tests, setup, teardown);
}
