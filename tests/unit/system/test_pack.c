/* State that survives an exec: system/pack.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "master/system/pack.h"

struct thing {
	int number;
	char name[8];
	int64_t time;
};

static const struct pack_field fields[] = {
	PACK_FIELD(thing, number),
	PACK_FIELD(thing, name),
	PACK_FIELD(thing, time),
};
static const struct pack_table things = PACK_TABLE("things", fields);

/* Those of a later version, which has lost one and got another. */
static const struct pack_field later_fields[] = {
	{ "added", offsetof(struct thing, number), sizeof(int) },
	PACK_FIELD(thing, time),
};
static const struct pack_table later = PACK_TABLE("things", later_fields);
static const struct pack_table others = PACK_TABLE("others", fields);

static int
sealed(size_t n)
{
	struct pack pack = { 0 };
	struct thing thing = { 0, "row", 0 };
	int fd;

	pack_table(&pack, &others);
	pack_table(&pack, &things);
	for (; (size_t)thing.number < n; thing.number++) {
		thing.time = thing.number * INT64_C(1000000007);
		pack_row(&pack, &things, &thing);
	}
	pack_fd(&pack, 9);
	pack_fd(&pack, -1);
	pack_fd(&pack, 4);
	fd = pack_seal(&pack);
	pack_free(&pack);
	assert_int_not_equal(fd, -1);
	return fd;
}

static void
rows_come_back(void **state)
{
	struct unpack unpack;
	struct thing thing;
	int fd = sealed(1000);
	size_t i;

	(void)state;
	assert_null(unpack_open(&unpack, fd));
	assert_int_equal(unpack_count(&unpack, &others), 0);
	assert_int_equal(unpack_count(&unpack, &things), 1000);
	for (i = 0; i < 1000; i++) {
		memset(&thing, 0xff, sizeof(thing));
		unpack_row(&unpack, &things, i, &thing);
		assert_int_equal(thing.number, i);
		assert_string_equal(thing.name, "row");
		assert_int_equal(thing.time, i * INT64_C(1000000007));
	}
	unpack_close(&unpack);
	close(fd);
}

static void
descriptors_come_back_in_order(void **state)
{
	struct unpack unpack;
	const int32_t *fds;
	size_t n;
	int fd = sealed(1);

	(void)state;
	assert_null(unpack_open(&unpack, fd));
	fds = unpack_fds(&unpack, &n);
	assert_int_equal(n, 2);
	assert_int_equal(fds[0], 4);
	assert_int_equal(fds[1], 9);
	unpack_close(&unpack);
	close(fd);
}

static void
another_version_takes_what_it_knows(void **state)
{
	struct thing thing = { 77, "kept", 0 };
	struct unpack unpack;
	int fd = sealed(3);

	(void)state;
	assert_null(unpack_open(&unpack, fd));
	unpack_row(&unpack, &later, 2, &thing);
	assert_int_equal(thing.number, 77);
	assert_string_equal(thing.name, "kept");
	assert_int_equal(thing.time, 2 * INT64_C(1000000007));
	unpack_close(&unpack);
	close(fd);
}

/* A copy of a good one with one byte changed, or cut short; sealed or not. */
static const char *
spoilt(size_t changed, size_t length, int seals)
{
	struct unpack unpack;
	char bytes[4096];
	int good = sealed(5), fd = memfd_create("spoilt", MFD_ALLOW_SEALING);
	ssize_t n = pread(good, bytes, sizeof(bytes), 0);
	const char *why;

	close(good);
	assert_true(n > 0 && (size_t)n > changed);
	bytes[changed] ^= 1;
	if (length < (size_t)n)
		n = (ssize_t)length;
	assert_int_equal(write(fd, bytes, (size_t)n), n);
	if (seals != 0)
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seals), 0);
	why = unpack_open(&unpack, fd);
	close(fd);
	return why;
}

static void
what_is_not_whole_is_refused(void **state)
{
	const int all =
	    F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	size_t i;

	(void)state;
	assert_string_equal(spoilt(40, 4096, 0), "not sealed");
	assert_string_equal(spoilt(40, 4096, F_SEAL_SHRINK), "not sealed");
	assert_string_equal(spoilt(0, 4096, all), "of another format");
	assert_string_equal(spoilt(8, 4096, all), "not whole");
	assert_string_equal(spoilt(200, 4096, all), "damaged");
	assert_string_equal(spoilt(0, 7, all), "too short");
	for (i = 0; i < 400; i += 13)
		assert_non_null(spoilt(i, 4096, all));
	for (i = 1; i < 400; i += 13)
		assert_non_null(spoilt(i - 1, i, all));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rows_come_back),
		cmocka_unit_test(descriptors_come_back_in_order),
		cmocka_unit_test(another_version_takes_what_it_knows),
		cmocka_unit_test(what_is_not_whole_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
