/* Telling versions of files. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "master/system/file_id.h"

#define AS_WRITTEN { .device = 1, .inode = 2, .born_ns = 3, .changed_ns = 4, \
	.written_ns = 5, .size = 6 }

static const struct file_id file = AS_WRITTEN;

static void
what_is_written_is_the_same_file(void **state)
{
	struct file_id other = AS_WRITTEN;

	(void)state;
	assert_true(file_id_unchanged(&file, &other));
	other.written_ns++;
	assert_true(file_id_same(&file, &other));
	assert_false(file_id_unchanged(&file, &other));
	other = file;
	other.changed_ns++;
	assert_false(file_id_unchanged(&file, &other));
	other = file;
	other.size++;
	assert_false(file_id_unchanged(&file, &other));
}

/* Inodes are used again, and so are their numbers. */
static void
a_file_is_its_inode_and_birth(void **state)
{
	struct file_id other = AS_WRITTEN;

	(void)state;
	other.born_ns++;
	assert_false(file_id_same(&file, &other));
	assert_false(file_id_unchanged(&file, &other));
	other = file;
	other.inode++;
	assert_false(file_id_same(&file, &other));
	other = file;
	other.device++;
	assert_false(file_id_same(&file, &other));
}

/* A link is what it points to. */
static void
a_file_has_an_id(void **state)
{
	struct file_id self, program;

	(void)state;
	assert_int_equal(file_identify("/proc/self/exe", &self), 0);
	assert_int_equal(file_identify("/proc/self/exe", &program), 0);
	assert_true(file_id_unchanged(&self, &program));
	assert_true(self.size > 1000);
	assert_int_equal(file_identify("/nowhere/at/all", &self), -1);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_the_same_file),
		cmocka_unit_test(a_file_is_its_inode_and_birth),
		cmocka_unit_test(a_file_has_an_id),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
