/* The cause of an error decides the exit status: master/system/cause.c. */
#include "config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "master/system/cause.h"

static const enum exit_status steps[] = { EXIT_ADDRESS, EXIT_SYSTEM,
	EXIT_PRIVILEGE, EXIT_CONFIG };

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static void
test_b2_a_shortage_is_the_systems_whatever_the_step(void **state)
{
	static const int errors[] = { EMFILE, ENFILE, ENOMEM, ENOBUFS, EAGAIN,
		ENOSPC, EDQUOT, EIO, EINTR, ETIMEDOUT };
	size_t i, k;

	(void)state;
	for (i = 0; i < COUNT(errors); i++)
		for (k = 0; k < COUNT(steps); k++)
			assert_int_equal(
			    cause_of(errors[i], steps[k]), EXIT_SYSTEM);
}

static void
test_b2_what_is_refused_is_the_steps(void **state)
{
	static const int errors[] = { 0, EPERM, EACCES, ENOENT, EINVAL,
		ENOSYS };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(errors); i++) {
		assert_int_equal(
		    cause_of(errors[i], EXIT_PRIVILEGE), EXIT_PRIVILEGE);
		assert_int_equal(cause_of(errors[i], EXIT_CONFIG), EXIT_CONFIG);
		assert_int_equal(cause_of(errors[i], EXIT_SYSTEM), EXIT_SYSTEM);
	}
}

static void
test_b2_an_address_has_three_causes(void **state)
{
	static const struct {
		int error;
		enum exit_status status;
	} rows[] = {
		{ EADDRINUSE, EXIT_ADDRESS },
		{ EADDRNOTAVAIL, EXIT_ADDRESS },
		{ EAFNOSUPPORT, EXIT_ADDRESS },
		{ ENODEV, EXIT_ADDRESS },
		{ ENOENT, EXIT_ADDRESS },
		{ ENOTDIR, EXIT_ADDRESS },
		{ ELOOP, EXIT_ADDRESS },
		{ EACCES, EXIT_PRIVILEGE },
		{ EPERM, EXIT_PRIVILEGE },
		{ ENOBUFS, EXIT_SYSTEM },
		{ EINVAL, EXIT_SYSTEM },
		{ ENOPROTOOPT, EXIT_SYSTEM },
	};
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(rows); i++)
		assert_int_equal(
		    cause_of(rows[i].error, EXIT_ADDRESS), rows[i].status);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    test_b2_a_shortage_is_the_systems_whatever_the_step),
		cmocka_unit_test(test_b2_what_is_refused_is_the_steps),
		cmocka_unit_test(test_b2_an_address_has_three_causes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
