/* What a trial has read, for the program that comes: config/kept.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/kept.h"

static int
begin(void)
{
	int fd = memfd_create("kept", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	assert_int_not_equal(fd, -1);
	kept_write(fd);
	return fd;
}

static void
is_kept(enum kept_kind kind, const char *name, const char *wanted)
{
	size_t length;
	char *bytes;

	assert_true(kept_find(kind, name, &bytes, &length));
	assert_int_equal(length, strlen(wanted));
	assert_string_equal(bytes, wanted);
	free(bytes);
}

static void
is_not_kept(enum kept_kind kind, const char *name)
{
	size_t length;
	char *bytes;

	assert_false(kept_find(kind, name, &bytes, &length));
}

static void
what_was_added_is_found(void **state)
{
	int fd = begin();

	(void)state;
	kept_add(KEPT_TEXT, "/a", "one", 3);
	kept_add(KEPT_GREETING, "/a", "two", 3);
	kept_add(KEPT_TEXT, "/ab", "", 0);
	kept_add(KEPT_TEXT, "/a", "three", 5);
	is_not_kept(KEPT_TEXT, "/a"); /* not before it is read */
	assert_int_equal(kept_seal(), 0);
	assert_int_equal(kept_read(fd), 0);
	is_kept(KEPT_TEXT, "/a", "three");
	is_kept(KEPT_GREETING, "/a", "two");
	is_kept(KEPT_TEXT, "/ab", "");
	is_not_kept(KEPT_TEXT, "/b");
	is_not_kept(KEPT_GREETING, "/ab");
	is_not_kept(KEPT_TEXT, "/");
	kept_end();
	is_not_kept(KEPT_TEXT, "/a");
}

static void
nothing_at_all(void **state)
{
	int fd = memfd_create("kept", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	(void)state;
	is_not_kept(KEPT_TEXT, "/a");
	assert_int_equal(kept_read(fd), 0);
	is_not_kept(KEPT_TEXT, "/a");
	kept_end();
}

/* Somebody could still change it. */
static void
what_is_not_sealed_is_not_read(void **state)
{
	int fd = begin();

	(void)state;
	kept_add(KEPT_TEXT, "/a", "one", 3);
	errno = 0;
	assert_int_equal(kept_read(fd), -1);
	assert_int_equal(errno, EPROTO);
	close(fd);
}

static void
what_could_not_be_written_is_not_sealed(void **state)
{
	int fd = begin();

	(void)state;
	assert_int_equal(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW), 0);
	kept_add(KEPT_TEXT, "/a", "one", 3);
	kept_add(KEPT_TEXT, "/b", "one", 3);
	assert_int_equal(kept_seal(), -1);
	assert_int_equal(errno, EPERM);
	close(fd);
}

/* One that is cut off at any byte has what is whole. */
static void
a_part(void **state)
{
	off_t length, part;
	int fd;

	(void)state;
	for (part = length = 60; part > 0; part--) {
		fd = begin();
		kept_add(KEPT_TEXT, "/a", "one", 3);
		kept_add(KEPT_TEXT, "/b", "two", 3);
		assert_true(lseek(fd, 0, SEEK_END) == length);
		assert_int_equal(ftruncate(fd, part), 0);
		assert_int_equal(kept_seal(), 0);
		assert_int_equal(kept_read(fd), 0);
		if (part < length)
			is_not_kept(KEPT_TEXT, "/b");
		if (part < length / 2)
			is_not_kept(KEPT_TEXT, "/a");
		else
			is_kept(KEPT_TEXT, "/a", "one");
		kept_end();
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_was_added_is_found),
		cmocka_unit_test(nothing_at_all),
		cmocka_unit_test(what_is_not_sealed_is_not_read),
		cmocka_unit_test(what_could_not_be_written_is_not_sealed),
		cmocka_unit_test(a_part),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
