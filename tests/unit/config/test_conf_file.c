/* Files that are not what a configuration should be: master/system/file.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/confs.h"
#include "master/config/load.h"
#include "master/system/file.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

static int size_error; /* how wrong a size is, bytes */

int __real_fstat(int fd, struct stat *status);
int __wrap_fstat(int fd, struct stat *status);

int
__wrap_fstat(int fd, struct stat *status)
{
	int result = __real_fstat(fd, status);

	status->st_size += size_error;
	return result;
}

/* Loading path must fail with one error: "PATH: " and more. */
static void
must_fail(const char *path, const char *why)
{
	struct report report = { 0 };
	unsigned fds = confs_count_fds();
	char start[256];

	assert_null(load_wait(confs_reader(), path, true, &report));
	assert_int_equal(report.errors, 1);
	snprintf(start, sizeof(start), "%s: ", path);
	if (strncmp(report.lines[0].text, start, strlen(start)) != 0 ||
	    strstr(report.lines[0].text, why) == NULL)
		fail_msg("%s", report.lines[0].text);
	assert_int_equal(confs_count_fds(), fds);
}

static void
test_not_regular(void **state)
{
	const char *fifo = confs_path("fifo"), *name = confs_path("socket");
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)state;
	assert_int_equal(mkfifo(fifo, 0600), 0);
	must_fail(fifo, "is not a regular file");
	must_fail(confs_path("."), "is a directory");
	must_fail("/dev/zero", "is not a regular file");
	must_fail("/dev/null", "is not a regular file");
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", name);
	assert_int_equal(
	    bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	must_fail(name, strerror(ENXIO));
	close(fd);
}

static void
test_cannot_open(void **state)
{
	const char *loop = confs_path("loop");

	(void)state;
	must_fail(confs_path("missing"), strerror(ENOENT));
	must_fail("", strerror(ENOENT));
	must_fail(confs_path("a/b"), strerror(ENOENT));
	assert_int_equal(symlink(loop, loop), 0);
	must_fail(loop, strerror(ELOOP));
	if (geteuid() == 0)
		return; /* who can read anything */
	assert_int_equal(chmod(confs_write("closed", "", 0), 0), 0);
	must_fail(confs_path("closed"), strerror(EACCES));
}

static void
test_writable(void **state)
{
	static const struct {
		mode_t mode;
		const char *why; /* NULL: it will do */
	} modes[] = {
		{ 0600, NULL },
		{ 0644, NULL },
		{ 0755, NULL },
		{ 0660, "mode 0660" },
		{ 0646, "mode 0646" },
		{ 0666, "mode 0666" },
		{ 04622, "mode 4622" },
	};
	const char *path = confs_write("mode", "", 0);
	struct report report;
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(modes); i++) {
		assert_int_equal(chmod(path, modes[i].mode), 0);
		memset(&report, 0, sizeof(report));
		if (modes[i].why != NULL) {
			must_fail(path, modes[i].why);
			must_fail(path, "chmod go-w");
			continue;
		}
		conf = load_wait(confs_reader(), path, true, &report);
		assert_non_null(conf);
		free(conf);
	}
}

static void
test_symlink(void **state)
{
	const char *link = confs_path("link");
	struct report report = { 0 };
	struct conf *conf;

	(void)state;
	assert_int_equal(symlink(confs_write("there", "", 0), link), 0);
	conf = load_wait(confs_reader(), link, true, &report);
	assert_non_null(conf);
	free(conf);
}

/* Of --enable-coverage: it counts what is done with each byte, for which the
 * parser's time is too short. */
void __gcov_dump(void) __attribute__((weak));

static char *
make_blanks(void)
{
	char *blanks = malloc(CONF_FILE_MAX + 1);

	assert_non_null(blanks);
	return memset(blanks, '\n', CONF_FILE_MAX + 1);
}

static void
test_largest(void **state)
{
	struct report report;
	struct conf *conf;
	char *blanks;

	(void)state;
	if (__gcov_dump != NULL) {
		print_message("# gcov takes longer than the parser may\n");
		skip();
	}
	blanks = make_blanks();
	conf = confs_load_bytes(blanks, CONF_FILE_MAX, &report);
	assert_non_null(conf);
	free(conf);
	free(blanks);
}

static void
test_size(void **state)
{
	char *blanks = make_blanks();
	const char *path = confs_write("big", "", 0);

	(void)state;
	confs_write("big", blanks, CONF_FILE_MAX + 1);
	must_fail(path, "is larger than 20971520 bytes (20971521)");
	assert_int_equal(truncate(path, (off_t)1 << 30), 0);
	must_fail(path, "is larger than 20971520 bytes (1073741824)");
	free(blanks);
}

static void
test_bytes(void **state)
{
	static const struct {
		const char *text;
		size_t length;
		unsigned line;
	} bad[] = {
		{ "\nuser = \"a\0b\";\n", 15, 2 },
		{ "\0", 1, 1 },
		{ "@include \".\"\n", 13, 1 },
		{ "\n@include \"/dev/zero\"\n", 22, 2 },
		{ "user = \"a\";\n\xff\xfe\n", 14, 2 },
		{ "limits = { max_clients = 4294967376; };\n", 40, 1 },
		{ "listeners = ( { port = 010; } );\n", 33, 1 },
	};
	char start[256];
	struct report report;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(bad); i++) {
		assert_null(
		    confs_load_bytes(bad[i].text, bad[i].length, &report));
		snprintf(start, sizeof(start),
		    "%s:%u: ", confs_path("test.conf"), bad[i].line);
		if (strncmp(report.lines[0].text, start, strlen(start)) != 0)
			fail_msg("%s: %s", start, report.lines[0].text);
	}
}

/* It grows or shrinks between the look at its size and the last read. */
static void
test_changing(void **state)
{
	const char *path = confs_write("changing", "text", 4), *why;
	size_t length;
	char *bytes;

	(void)state;
	if (sizeof(long) == 4) {
		print_message("# a 32-bit build calls fstat64(), which is not "
		    "replaced\n");
		skip();
	}
	for (size_error = -1; size_error <= 1; size_error += 2) {
		assert_int_equal(
		    file_read(path, 8192, FILE_OF_ANYBODY, &bytes, &length,
			&why),
		    -1);
		assert_string_equal(why, "changed while it was read");
		assert_null(bytes);
	}
	size_error = 0;
}

/* Files of /proc have size 0 and hold more, those of /sys have 4096 and hold
 * less. */
static void
test_d12_files_of_the_kernel(void **state)
{
	static const char *const names[] = { "/proc/version",
		"/sys/kernel/uevent_seqnum" };
	const char *why;
	size_t i, length;
	char *bytes;

	(void)state;
	for (i = 0; i < COUNT(names); i++) {
		if (access(names[i], R_OK) == -1) {
			print_message("# no %s here\n", names[i]);
			continue;
		}
		assert_int_equal(
		    file_read(names[i], 8192, FILE_OF_ANYBODY, &bytes, &length,
			&why),
		    -1);
		assert_string_equal(why, "the kernel makes it when it is read, "
		    "copy it to an ordinary file");
		assert_null(bytes);
	}
}

static void
test_read(void **state)
{
	const char *path = confs_write("read", "a\0b", 3), *why;
	size_t length;
	char *bytes;

	(void)state;
	assert_int_equal(file_read(path, 3, FILE_OF_ANYBODY, &bytes, &length,
			     &why),
	    0);
	assert_int_equal(length, 3);
	assert_memory_equal(bytes, "a\0b", 4);
	free(bytes);
	assert_int_equal(file_read(path, 2, FILE_OF_ANYBODY, &bytes, &length,
			     &why),
	    -1);
	assert_string_equal(why, "is larger than 2 bytes (3)");
}

/* libconfig 1.5 calls this a syntax error. */
static void
test_last_line_without_newline(void **state)
{
	static const char *const texts[] = { "# comment", "// comment",
		"pid_file = \"\"; # comment", "pid_file = \"\";" };
	struct report report;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(texts); i++) {
		free(confs_must_load(texts[i]));
		assert_null(confs_load("nonsense # comment", &report));
		assert_int_equal(report.errors, 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_not_regular),
		cmocka_unit_test(test_cannot_open),
		cmocka_unit_test(test_writable),
		cmocka_unit_test(test_symlink),
		cmocka_unit_test(test_largest),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_changing),
		cmocka_unit_test(test_d12_files_of_the_kernel),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_last_line_without_newline),
	};

	return cmocka_run_group_tests_name(
	    "conf_file", tests, confs_setup, confs_teardown);
}
