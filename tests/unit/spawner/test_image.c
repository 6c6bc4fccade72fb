/* The first steps in the image: all but its parts is unmapped, and the filter
 * is loaded, or the master is told and nobody served: spawner/image/begin.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/syscall.h>

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "shared/plan.h"
#include "spawner/image/image.h"
#include "spawner/image/serve.h"

#define CALLS 8
#define TOP 0x9000
#define SERVED 1000 /* a status that it does not exit with */

static struct {
	struct plan plan;
	struct sock_filter filter[2];
} given;

static struct image image;
static struct {
	long begin, length;
} unmapped[CALLS];
static size_t n_unmapped, n_asked;
static unsigned munmap_fails; /* the how-manieth does; 0: none */
static int error;
static long mapped; /* an address that still is; 0: none is */
static bool loaded;
static struct plan_failure sent;
static unsigned times_sent;
static bool is_over; /* the master wants no more: serve() returns */
static jmp_buf ended;

static long
answer(long number, long a, long b, long c)
{
	const struct sock_fprog *program = (const struct sock_fprog *)c;

	switch (number) {
	case SYS_munmap:
		assert_in_range(n_unmapped, 0, CALLS - 1);
		unmapped[n_unmapped].begin = a;
		unmapped[n_unmapped++].length = b;
		return n_unmapped == munmap_fails ? -error : 0;
	case SYS_rt_sigprocmask:
		n_asked++;
		return b == mapped ? -EINVAL : -EFAULT;
	case SYS_seccomp:
		assert_int_equal(a, SECCOMP_SET_MODE_FILTER);
		assert_int_equal(b, 0);
		assert_int_equal(program->len, 2);
		assert_ptr_equal(program->filter, given.filter);
		loaded = error == 0;
		return loaded ? 0 : -error;
	case SYS_sendto:
		assert_int_equal(a, SPAWNER_SOCKET);
		assert_int_equal(c, sizeof(sent));
		memcpy(&sent, (const void *)b, sizeof(sent));
		times_sent++;
		return c;
	default:
		assert_int_equal(number, SYS_exit_group);
		longjmp(ended, (int)a + 1);
	}
}

long __wrap_syscall(long number, ...);
long
__wrap_syscall(long number, ...)
{
	va_list list;
	long a, b, c, result;

	va_start(list, number);
	a = va_arg(list, long);
	b = va_arg(list, long);
	c = va_arg(list, long);
	va_end(list);
	result = answer(number, a, b, c);
	if (result >= 0)
		return result;
	errno = (int)-result;
	return -1;
}

void
serve(const struct image *what)
{
	assert_ptr_equal(what, &image);
	if (!is_over)
		longjmp(ended, SERVED + 1);
}

static int
setup(void **state)
{
	(void)state;
	given.plan = (struct plan){ .sandbox = PLAN_SANDBOX_REQUIRED,
		.filter_offset = offsetof(__typeof__(given), filter),
		.filter_length = 2 };
	image = (struct image){ .plan = &given.plan,
		.top = TOP,
		.n_parts = 3,
		.part = { { 0x2000, 0x3000 }, { 0x3000, 0x5000 },
		    { 0x8000, TOP } },
		.trace = { 0x1234, 0, 0x7654 } };
	n_unmapped = n_asked = 0;
	munmap_fails = 0;
	error = 0;
	mapped = 0;
	loaded = is_over = false;
	memset(&sent, 0, sizeof(sent));
	times_sent = 0;
	return 0;
}

static int
run(void)
{
	int status = setjmp(ended);

	if (status == 0)
		image_begin(&image);
	return status - 1;
}

/* What is between the parts, and nothing where two meet. */
static void
all_else_is_unmapped(void **state)
{
	(void)state;
	assert_int_equal(run(), SERVED);
	assert_int_equal(n_unmapped, 2);
	assert_int_equal(unmapped[0].begin, 0);
	assert_int_equal(unmapped[0].length, 0x2000);
	assert_int_equal(unmapped[1].begin, 0x5000);
	assert_int_equal(unmapped[1].length, 0x3000);
	assert_int_equal(n_asked, 2); /* both traces */
	assert_true(loaded);
	assert_int_equal(times_sent, 0);
	setup(state);
	image.top = TOP + 0x1000;
	assert_int_equal(run(), SERVED);
	assert_int_equal(n_unmapped, 3);
	assert_int_equal(unmapped[2].begin, TOP);
	assert_int_equal(unmapped[2].length, 0x1000);
}

/* The program as it was exec'd. */
static void
without_parts(void **state)
{
	(void)state;
	image.n_parts = 0;
	given.plan.sandbox = PLAN_SANDBOX_OFF;
	assert_int_equal(run(), SERVED);
	assert_int_equal(n_unmapped, 0);
	assert_int_equal(n_asked, 0);
	assert_false(loaded);
	is_over = true;
	assert_int_equal(run(), EXIT_SUCCESS);
	assert_int_equal(times_sent, 0);
}

static void
gave_up(const char *step, int why)
{
	assert_int_equal(run(), EXIT_FAILURE);
	assert_int_equal(times_sent, 1);
	assert_string_equal(sent.step, step);
	assert_int_equal(sent.error, why);
	assert_false(loaded);
}

static void
each_step_fails(void **state)
{
	unsigned i;

	for (i = 1; i <= 3; i++) {
		setup(state);
		image.top = TOP + 0x1000; /* so that there are three */
		munmap_fails = i;
		error = ENOMEM;
		gave_up("munmap of the program", ENOMEM);
		assert_int_equal(n_unmapped, i);
		assert_int_equal(n_asked, 0);
	}
	setup(state);
	mapped = 0x7654; /* it said so, and is there still */
	gave_up("munmap of the program", 0);
	setup(state);
	error = EINVAL;
	gave_up("seccomp", EINVAL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(all_else_is_unmapped, setup),
		cmocka_unit_test_setup(without_parts, setup),
		cmocka_unit_test_setup(each_step_fails, setup),
	};

	return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
