/* How a trial ended, from its status and what it said. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>

#include "master/resume.h"
#include "master/system/report.h"
#include "master/upgrade_verdict.h"

#define EXITED(code) ((code) << 8)

static struct report report;

static void
refuses(const char *said, int status, const char *first)
{
	report = (struct report) { 0 };
	assert_false(upgrade_verdict(said, status, &report));
	assert_true(report.errors > 0);
	assert_string_equal(report_first_error(&report), first);
}

static void
what_passes(void **state)
{
	(void)state;
	report = (struct report) { 0 };
	assert_true(upgrade_verdict(RESUME_PASSED, 0, &report));
	assert_true(upgrade_verdict("<4>a\nb\n" RESUME_PASSED, 0, &report));
	assert_int_equal(report.errors + report.warnings, 0);
}

static void
what_only_looks_so(void **state)
{
	static const char whole[] = RESUME_PASSED; /* stays before what is said */
	static const char no[] =
	    "upgrade: trial: is not forkgreetd, or not one that can go on";

	(void)state;
	refuses("", 0, no);
	refuses(whole + 1, 0, no);
	refuses(RESUME_PASSED "x", 0, no);
	refuses("forkgreetd goes on", 0, no);
	assert_int_equal(report.errors, 1);
	refuses(RESUME_PASSED, EXITED(71), "forkgreetd goes on with this state");
	refuses(RESUME_PASSED, SIGKILL,
	    "upgrade: trial: ended by signal 9 (Killed)");
	assert_int_equal(report.errors, 1);
}

static void
what_it_says(void **state)
{
	(void)state;
	refuses("<4>w\n<3>e\n<6>i\nplain\n<3>\n", EXITED(78), "e");
	assert_int_equal(report.errors, 2);
	assert_int_equal(report.warnings, 1);
	assert_int_equal(report.cause, EXIT_CONFIG);
	refuses("<3>no newline", EXITED(71), "no newline");
	assert_int_equal(report.cause, EXIT_SYSTEM);
	refuses("<4>only a warning\n", EXITED(3), "upgrade: trial: status 3");
	refuses("", EXITED(127), "upgrade: trial: status 127");
	refuses("<", EXITED(1), "<");
	refuses("<\n>x\n", EXITED(1), "<");
	refuses("a3>x\n", EXITED(1), "a3>x");
	refuses("<3 x>y\n", EXITED(1), "<3 x>y");
	refuses("\x1b[2J\n", EXITED(1), "\\x1b[2J");
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_passes),
		cmocka_unit_test(what_only_looks_so),
		cmocka_unit_test(what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
