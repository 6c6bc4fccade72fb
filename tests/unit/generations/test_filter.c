/* A filter that cannot be made is none: each step fails in turn. */
#include "config.h"

#include <sys/mman.h>

#include <linux/filter.h>

#include <errno.h>
#include <seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/generations/filter.h"

/* Which call of each fails, counted from 1; 0: none does. */
static unsigned no_memfd, no_init, no_attribute, no_rule, no_export;
static int init_error;
static size_t exported; /* instructions, in place of the filter; 0: it itself */
static bool export_nothing;

int __real_memfd_create(const char *name, unsigned flags);
int __wrap_memfd_create(const char *name, unsigned flags);
scmp_filter_ctx __real_seccomp_init(uint32_t action);
scmp_filter_ctx __wrap_seccomp_init(uint32_t action);
int __real_seccomp_attr_set(
    scmp_filter_ctx context, enum scmp_filter_attr attribute, uint32_t value);
int __wrap_seccomp_attr_set(
    scmp_filter_ctx context, enum scmp_filter_attr attribute, uint32_t value);
int __real_seccomp_rule_add_array(scmp_filter_ctx context, uint32_t action,
    int call, unsigned n, const struct scmp_arg_cmp *arguments);
int __wrap_seccomp_rule_add_array(scmp_filter_ctx context, uint32_t action,
    int call, unsigned n, const struct scmp_arg_cmp *arguments);
int __real_seccomp_export_bpf(const scmp_filter_ctx context, int fd);
int __wrap_seccomp_export_bpf(const scmp_filter_ctx context, int fd);

static bool
is_over(unsigned *calls)
{
	return *calls > 0 && --*calls == 0;
}

int
__wrap_memfd_create(const char *name, unsigned flags)
{
	if (!is_over(&no_memfd))
		return __real_memfd_create(name, flags);
	errno = EMFILE;
	return -1;
}

scmp_filter_ctx
__wrap_seccomp_init(uint32_t action)
{
	errno = init_error;
	return is_over(&no_init) ? NULL : __real_seccomp_init(action);
}

int
__wrap_seccomp_attr_set(
    scmp_filter_ctx context, enum scmp_filter_attr attribute, uint32_t value)
{
	return is_over(&no_attribute) ? -EOPNOTSUPP :
	    __real_seccomp_attr_set(context, attribute, value);
}

int
__wrap_seccomp_rule_add_array(scmp_filter_ctx context, uint32_t action,
    int call, unsigned n, const struct scmp_arg_cmp *arguments)
{
	return is_over(&no_rule) ? -ENOMEM : __real_seccomp_rule_add_array(
	    context, action, call, n, arguments);
}

int
__wrap_seccomp_export_bpf(const scmp_filter_ctx context, int fd)
{
	static const struct sock_filter code[FILTER_MAX];
	ssize_t size = (ssize_t)(exported * sizeof(*code));

	if (exported > 0)
		assert_int_equal(write(fd, code, (size_t)size), size);
	if (is_over(&no_export))
		return -ENOSPC;
	return export_nothing || exported > 0 ? 0 :
	    __real_seccomp_export_bpf(context, fd);
}

/* What is said of it, and errno. */
static void
must_fail(const char *step, int error)
{
	static struct sock_filter code[FILTER_MAX];
	const char *said;
	size_t length;

	said = filter_compile(code, &length, true);
	if (said == NULL)
		fail_msg("no error where %s fails", step);
	assert_int_equal(errno, error);
	assert_string_equal(said, step);
}

static void
no_context(void **state)
{
	(void)state;
	no_init = 1;
	init_error = ENOMEM;
	must_fail("seccomp_init", ENOMEM);
	no_init = 1;
	init_error = 0;
	must_fail("seccomp_init", ENOSYS);
}

static void
no_attributes(void **state)
{
	unsigned call;

	(void)state;
	for (call = 1; call <= 3; call++) {
		no_attribute = call;
		must_fail("seccomp_attr_set", EOPNOTSUPP);
		assert_int_equal(no_attribute, 0);
	}
}

/* The first row, and the last one. */
static void
no_rules(void **state)
{
	static struct sock_filter code[FILTER_MAX];
	size_t length;

	(void)state;
	no_rule = 1;
	must_fail("recvmsg", ENOMEM);
	no_rule = 1000;
	assert_null(filter_compile(code, &length, true));
	no_rule = 1000 - no_rule;
	must_fail("recvfrom", ENOMEM);
}

static void
no_program(void **state)
{
	(void)state;
	no_memfd = 1;
	must_fail("memfd_create", EMFILE);
	no_export = 1;
	must_fail("seccomp_export_bpf", ENOSPC);
	no_export = 1;
	exported = FILTER_MAX;
	must_fail("seccomp_export_bpf", ENOSPC);
	must_fail("filter too long", E2BIG);
	exported = 0;
	export_nothing = true;
	init_error = EIO; /* nothing says why: what was there stays */
	must_fail("reading the filter", EIO);
	export_nothing = false;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(no_context),
		cmocka_unit_test(no_attributes),
		cmocka_unit_test(no_rules),
		cmocka_unit_test(no_program),
	};

	return cmocka_run_group_tests_name("filter", tests, NULL, NULL);
}
