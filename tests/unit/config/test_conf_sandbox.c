/* What the reader must not do, and how its end by that is reported:
 * reader/cage.c, master/config/load.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/syscall.h>

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/confs.h"
#include "master/config/load.h"
#include "unit/exempt.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

#ifdef WITH_SANITIZERS

int
main(void)
{
	puts("1..0 # SKIP the sandbox is off under sanitizers");
	return 0;
}

#else

static int hostile; /* tests/hostile/reader */

static void
must_end(const char *deed, long number, const char *why)
{
	unsigned fds = confs_count_fds();
	struct report report = { 0 };
	char text[64];

	snprintf(text, sizeof(text), "# %s %ld\n", deed, number);
	assert_null(load_wait(hostile,
	    confs_write("test.conf", text, strlen(text)), true, &report));
	assert_int_equal(report.errors, 1);
	if (strstr(report.lines[0].text, why) == NULL)
		fail_msg("%s", report.lines[0].text);
	assert_int_equal(confs_count_fds(), fds);
}

static void
test_system_calls(void **state)
{
	static const char *const deeds[] = { "open", "socket", "fork", "kill",
		"exec", "untime", "map_code" };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(deeds); i++)
		must_end(deeds[i], 0,
		    ": the reader was killed by its sandbox (SIGSYS)");
}

/* The golden table: what parsing may call, and getppid, by whose answer the
 * filter shows that it is there. */
static bool
is_golden(long call)
{
	static const long golden[] = { SYS_brk, SYS_mmap, SYS_mremap,
		SYS_munmap, SYS_madvise, SYS_write, SYS_exit_group, SYS_getppid,
#ifdef SYS_mmap2
		SYS_mmap2,
#endif
	};
	size_t i;

	for (i = 0; i < COUNT(golden); i++)
		if (golden[i] == call)
			return true;
	return false;
}

static void
test_every_number(void **state)
{
	long number;

	(void)state;
	for (number = 0; number <= 1024; number++)
		if (!is_golden(number) && !is_exempt(number))
			must_end("call", number,
			    ": the reader was killed by its sandbox (SIGSYS)");
	for (number = 0; number <= 1024; number++)
		if (is_golden(number) && number != SYS_exit_group)
			must_end("call", number, ": the reader gave up");
}

static void
test_exit(void **state)
{
	(void)state;
	must_end("exit", 0, ": the reader gave up (exit status 2)");
}

static void
test_crashes(void **state)
{
	(void)state;
	must_end("segv", 0, ": the reader died of signal 11 (Segmentation");
	must_end("recurse", 0, ": the reader died of signal 11 (Segmentation");
}

static void
test_memory(void **state)
{
	(void)state;
	must_end("eat", 1024, ": the reader gave up (exit status 42)");
}

/* Less than the limit, while this process has mapped more than that. */
static void
test_b5_what_the_master_has_mapped_does_not_count(void **state)
{
	const size_t much = (size_t)1 << 30;
	void *mapped = mmap(NULL, much, PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	struct report report = { 0 };
	struct conf *conf;

	(void)state;
	assert_ptr_not_equal(mapped, MAP_FAILED);
	conf = load_wait(hostile, confs_write("test.conf", "# eat 300\n", 10),
	    true, &report);
	assert_non_null(conf);
	free(conf);
	munmap(mapped, much);
}

static int
setup(void **state)
{
	hostile = confs_program("tests/hostile/reader");
	return confs_setup(state);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_every_number),
		cmocka_unit_test(test_exit),
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_b5_what_the_master_has_mapped_does_not_count),
	};

	return cmocka_run_group_tests_name(
	    "conf_sandbox", tests, setup, confs_teardown);
}

#endif
