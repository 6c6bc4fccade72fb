/* What the parsing child must not do, and how its end by that is reported:
 * reader/cage.c, master/config/load.c.  Linked with --wrap=config_read_string. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <fcntl.h>
#include <libconfig.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "unit/confs.h"
#include "unit/exempt.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* What the child does in the place of parsing. */
static void (*deed)(void);

int __real_config_read_string(config_t *tree, const char *text);
int __wrap_config_read_string(config_t *tree, const char *text);

int
__wrap_config_read_string(config_t *tree, const char *text)
{
	deed();
	return __real_config_read_string(tree, text);
}

#ifdef WITH_SANITIZERS

int
main(void)
{
	puts("1..0 # SKIP the sandbox is off under sanitizers");
	return 0;
}

#else

#ifndef WITH_COVERAGE
static void
do_exit(void)
{
	exit(2);
}
#endif

static unsigned
fill_stack(volatile unsigned *last)
{
	volatile unsigned page[1024];

	page[0] = *last + 1;
	return page[0] == 0 ? 0 : fill_stack(page) + page[0];
}

static void
do_recurse(void)
{
	volatile unsigned first = 0;

	_exit(fill_stack(&first) != 0);
}

static void
do_segv(void)
{
	static volatile int *volatile nowhere = NULL;

	*nowhere = 1;
}

static void
do_open(void)
{
	open("/etc/passwd", O_RDONLY | O_CLOEXEC);
}

static void
do_socket(void)
{
	socket(AF_INET, SOCK_STREAM, 0);
}

static void
do_fork(void)
{
	fork();
}

static void
do_kill(void)
{
	kill(getppid(), 0);
}

static void
do_exec(void)
{
	char name[] = "/bin/true", *arguments[] = { name, NULL };

	execv(name, arguments);
}

static void
do_untime(void)
{
	alarm(0);
}

static void
do_map_code(void)
{
	mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

/* What the next child calls, without arguments. */
static long number;

static void
do_number(void)
{
	_exit(syscall(number, 0L, 0L, 0L, 0L, 0L, 0L) == -1 ? 43 : 44);
}

/* More memory than the limit: libconfig 1.5 does not look at NULL. */
static void
do_eat(void)
{
	static char *volatile last;
	size_t i;

	for (i = 0; i < 1024; i++) {
		last = malloc(1 << 20);
		if (last == NULL)
			_exit(42);
		memset(last, 1, 1 << 20);
	}
}

static void
must_end(void (*what)(void), const char *why)
{
	unsigned fds = confs_count_fds();
	struct report report = { 0 };

	deed = what;
	assert_null(
	    conf_load_wait(confs_write("test.conf", "", 0), true, &report));
	assert_int_equal(report.errors, 1);
	if (strstr(report.lines[0].text, why) == NULL)
		fail_msg("%s", report.lines[0].text);
	assert_int_equal(confs_count_fds(), fds);
}

static void
test_system_calls(void **state)
{
	static void (*const deeds[])(void) = { do_open, do_socket, do_fork,
		do_kill, do_exec, do_untime, do_map_code };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(deeds); i++)
		must_end(deeds[i],
		    ": the parser was killed by its sandbox (SIGSYS)");
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
	(void)state;
	for (number = 0; number <= 1024; number++)
		if (!is_golden(number) && !is_exempt(number))
			must_end(do_number,
			    ": the parser was killed by its sandbox (SIGSYS)");
	for (number = 0; number <= 1024; number++)
		if (is_golden(number) && number != SYS_exit_group)
			must_end(do_number, ": the parser gave up");
}

#ifndef WITH_COVERAGE /* exit() would write the counters */
/* As libconfig 1.5 does when its scanner fails. */
static void
test_exit(void **state)
{
	(void)state;
	must_end(do_exit, ": the parser gave up (exit status 2)");
}
#endif

static void
test_crashes(void **state)
{
	(void)state;
	must_end(do_segv, ": the parser died of signal 11 (Segmentation");
	must_end(do_recurse, ": the parser died of signal 11 (Segmentation");
}

static void
test_memory(void **state)
{
	(void)state;
	must_end(do_eat, ": the parser gave up (exit status 42)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_system_calls),
		cmocka_unit_test(test_every_number),
#ifndef WITH_COVERAGE
		cmocka_unit_test(test_exit),
#endif
		cmocka_unit_test(test_crashes),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests_name(
	    "conf_sandbox", tests, confs_setup, confs_teardown);
}

#endif
