/* The variables of sd_listen_fds(3). */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "master/listeners/activation.h"

#define SELF 42

static int
parse(const char *pid, const char *fds, const char *names, char *why)
{
	struct activation_variables variables = { pid, fds, names };

	why[0] = '\0';
	return activation_parse(&variables, SELF, why);
}

static void
must_give(int n, const char *pid, const char *fds, const char *names)
{
	char why[ACTIVATION_WHY_MAX];

	assert_int_equal(parse(pid, fds, names, why), n);
	assert_string_equal(why, "");
}

static void
must_refuse(const char *said, const char *pid, const char *fds,
    const char *names)
{
	char why[ACTIVATION_WHY_MAX];

	assert_int_equal(parse(pid, fds, names, why), -1);
	assert_string_equal(why, said);
}

static void
test_passed(void **state)
{
	(void)state;
	must_give(0, "42", "0", NULL);
	must_give(0, "42", "0", "a:b");
	must_give(1, "42", "1", NULL);
	must_give(1, "42", "1", "");
	must_give(1, "42", "1", "a");
	must_give(3, "42", "3", "a:b:c");
	must_give(3, "42", "3", "::");
	must_give(1024, "42", "1024", NULL);
}

/* A process started by the one that was meant inherits the variables. */
static void
test_not_for_us(void **state)
{
	(void)state;
	must_give(0, NULL, NULL, NULL);
	must_give(0, NULL, "1", NULL);
	must_give(0, NULL, "garbage", "a:b");
	must_give(0, "42", NULL, NULL);
	must_give(0, "41", "1", NULL);
	must_give(0, "41", "garbage", "a:b");
	must_give(0, "2147483647", "1", NULL);
}

static void
test_bad_pid(void **state)
{
	static const char *const pids[] = { "", "0", "-42", "42a", "a42", " 42",
		"42 ", "042", "+42", "0x2a", "2147483648",
		"99999999999999999999" };
	char said[ACTIVATION_WHY_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(pids) / sizeof(pids[0]); i++) {
		snprintf(said, sizeof(said),
		    "LISTEN_PID: \"%s\": expected a process ID", pids[i]);
		must_refuse(said, pids[i], "1", NULL);
	}
}

static void
test_bad_fds(void **state)
{
	static const char *const fds[] = { "", "-2", "2a", "a2", "1 ", "01",
		"1025", "2147483648", "4294967297", "18446744073709551617",
		"1.0" };
	char said[ACTIVATION_WHY_MAX];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		snprintf(said, sizeof(said),
		    "LISTEN_FDS: \"%s\": expected a number from 0 to 1024",
		    fds[i]);
		must_refuse(said, "42", fds[i], NULL);
	}
}

static void
test_bad_names(void **state)
{
	char names[600];

	(void)state;
	must_refuse("LISTEN_FDNAMES: \"a:b\" has 2 names, expected 1, as in "
		    "LISTEN_FDS",
	    "42", "1", "a:b");
	must_refuse("LISTEN_FDNAMES: \"a\" has 1 names, expected 2, as in "
		    "LISTEN_FDS",
	    "42", "2", "a");
	memset(names, 'x', sizeof(names));
	names[sizeof(names) - 1] = '\0';
	must_refuse("LISTEN_FDNAMES: "
		    "\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\" has 1 "
		    "names, expected 2, as in LISTEN_FDS",
	    "42", "2", names);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_passed),
		cmocka_unit_test(test_not_for_us),
		cmocka_unit_test(test_bad_pid),
		cmocka_unit_test(test_bad_fds),
		cmocka_unit_test(test_bad_names),
	};

	return cmocka_run_group_tests_name("activation", tests, NULL, NULL);
}
