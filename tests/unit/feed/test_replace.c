/* Files that are replaced whole: feed/replace.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/file.h>
#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "feed/replace.h"

static char folder[] = "/tmp/forkgreet-test-XXXXXX";
static int write_fails, fsync_fails; /* errno */

ssize_t __real_write(int fd, const void *bytes, size_t length);
ssize_t __wrap_write(int fd, const void *bytes, size_t length);
int __real_fsync(int fd);
int __wrap_fsync(int fd);

/* At most three bytes at a time. */
ssize_t
__wrap_write(int fd, const void *bytes, size_t length)
{
	if (write_fails != 0 && length < 3) {
		errno = write_fails;
		return -1;
	}
	return __real_write(fd, bytes, length > 3 ? 3 : length);
}

int
__wrap_fsync(int fd)
{
	if (fsync_fails == 0)
		return __real_fsync(fd);
	errno = fsync_fails;
	return -1;
}

static int
enter(void **state)
{
	(void)state;
	write_fails = fsync_fails = 0;
	memcpy(folder + strlen(folder) - 6, "XXXXXX", 6);
	return mkdtemp(folder) == NULL || chdir(folder) == -1 ? -1 : 0;
}

/* Returns how many files there are. */
static int
each_entry(void (*act)(const char *))
{
	DIR *entries = opendir(".");
	struct dirent *entry;
	int n = 0;

	assert_non_null(entries);
	while ((entry = readdir(entries)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		n++;
		if (act != NULL)
			act(entry->d_name);
	}
	closedir(entries);
	return n;
}

static void
discard(const char *name)
{
	if (unlink(name) == -1)
		rmdir(name);
}

static int
leave(void **state)
{
	(void)state;
	each_entry(discard);
	return chdir("/") == -1 ? -1 : rmdir(folder);
}

static void
holds(const char *path, const char *wanted)
{
	char text[64] = "";
	int fd = open(path, O_RDONLY);

	assert_int_not_equal(fd, -1);
	assert_int_not_equal(read(fd, text, sizeof(text) - 1), -1);
	close(fd);
	assert_string_equal(text, wanted);
}

static void
put(const char *path, const char *text)
{
	assert_int_equal(replace_file(path, text, strlen(text)), 0);
	holds(path, text);
}

static void
test_replaced(void **state)
{
	struct stat info;

	(void)state;
	umask(077);
	put("health", "up\n");
	put("health", "down #a longer one\n");
	put("health", "");
	assert_int_equal(stat("health", &info), 0);
	assert_int_equal(info.st_mode, S_IFREG | 0644);
	put("./health", "up\n");
	assert_int_equal(each_entry(NULL), 1);
}

static void
fails(const char *path, int error)
{
	assert_int_equal(replace_file(path, "down\n", 5), -1);
	assert_int_equal(errno, error);
}

/* The old one stays, and nothing is left. */
static void
test_full(void **state)
{
	(void)state;
	put("health", "up\n");
	write_fails = ENOSPC;
	fails("health", ENOSPC);
	holds("health", "up\n");
	assert_int_equal(each_entry(NULL), 1);
	write_fails = 0;
	fsync_fails = EIO;
	fails("health", EIO);
	holds("health", "up\n");
	assert_int_equal(each_entry(NULL), 1);
	fsync_fails = 0;
	put("health", "down\n");
}

static void
test_no_folder(void **state)
{
	(void)state;
	fails("no/health", ENOENT);
	assert_int_equal(replace_prepare("no/health"), -1);
	assert_int_equal(errno, ENOENT);
}

static void
test_no_regular_file(void **state)
{
	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(symlink("health", "link"), 0);
	assert_int_equal(mkdir("folder", 0700), 0);
	assert_int_equal(replace_prepare("fifo"), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(replace_prepare("link"), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(replace_prepare("folder"), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(replace_prepare("health"), 0);
	put("health", "up\n");
	assert_int_equal(replace_prepare("health"), 0);
	assert_int_equal(replace_prepare("health/x"), -1);
	assert_int_equal(errno, ENOTDIR);
}

static void
make(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT, 0600);

	assert_int_not_equal(fd, -1);
	close(fd);
}

/* What a feed left that was killed, and nothing else. */
static void
test_stale(void **state)
{
	static const char *const others[] = { ".health.feed-abcde",
		".health.feed-abcdefg", ".health.feedXabcdef",
		".other.feed-abcdef", "health.feed-abcdef", ".health" };
	size_t i, n = sizeof(others) / sizeof(others[0]);
	int fd;

	(void)state;
	for (i = 0; i < n; i++)
		make(others[i]);
	make(".health.feed-abcdef");
	make(".health.feed-ABCDEF");
	make(".health.feed-locked");
	fd = open(".health.feed-locked", O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(replace_prepare("health"), 0);
	assert_int_equal(each_entry(NULL), (int)n + 1);
	close(fd);
	assert_int_equal(replace_prepare("./health"), 0);
	assert_int_equal(each_entry(NULL), (int)n);
}

static void
test_long_names(void **state)
{
	char path[300], longer[5000];

	(void)state;
	memset(path, 'x', sizeof(path));
	path[242] = '\0'; /* with the dot and the mark NAME_MAX, 255 */
	assert_int_equal(replace_prepare(path), 0);
	put(path, "up\n");
	path[242] = 'x';
	path[243] = '\0';
	fails(path, ENAMETOOLONG);
	memset(longer, '/', sizeof(longer));
	longer[sizeof(longer) - 1] = '\0';
	assert_int_equal(replace_prepare(longer), -1);
	assert_int_equal(errno, ENAMETOOLONG);
	fails(longer, ENAMETOOLONG);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, enter, leave)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_replaced),
		TEST(test_full),
		TEST(test_no_folder),
		TEST(test_no_regular_file),
		TEST(test_stale),
		TEST(test_long_names),
	};

	return cmocka_run_group_tests_name("replace", tests, NULL, NULL);
}
