/* Pages are read-only or the caller is told: spawner/protect.c,
 * spawner/relro.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdbool.h>
#include <unistd.h>

#include "spawner/protect.h"
#include "spawner/relro.h"

static enum { WORKS, FAILS, LIES } mprotect_does;
static unsigned interrupted; /* how often getrandom(2) is */
static bool no_getrandom;
static uintptr_t protected_from, protected_to;

/* As soon as one of the tests runs. */
static bool testing;

int __real_mprotect(void *at, size_t length, int protection);
int __wrap_mprotect(void *at, size_t length, int protection);
int
__wrap_mprotect(void *at, size_t length, int protection)
{
	if (!testing)
		return __real_mprotect(at, length, protection);
	protected_from = (uintptr_t)at;
	protected_to = protected_from + length;
	assert_int_equal(protection, PROT_READ);
	errno = ENOMEM;
	return mprotect_does == FAILS ? -1
	    : mprotect_does == LIES   ? 0
				      : __real_mprotect(at, length, protection);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long
__wrap_syscall(long number, ...)
{
	va_list list;
	uintptr_t at;

	assert_int_equal(number, SYS_getrandom);
	va_start(list, number);
	at = va_arg(list, uintptr_t);
	va_end(list);
	errno = ENOSYS;
	if (no_getrandom)
		return -1;
	errno = EINTR;
	if (interrupted > 0) {
		interrupted--;
		return -1;
	}
	return __real_syscall(number, at, 1, 0);
}

static int
setup(void **state)
{
	*state = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect_does = WORKS;
	interrupted = 0;
	no_getrandom = false;
	testing = true;
	return *state == MAP_FAILED ? -1 : 0;
}

static int
teardown(void **state)
{
	testing = false;
	return munmap(*state, 4096);
}

/* Does the kernel write there? */
static bool
is_writable(void *page)
{
	int fd = open("/dev/zero", O_RDONLY | O_CLOEXEC);
	bool result = read(fd, page, 1) == 1;

	close(fd);
	return result;
}

static void
pages_are_protected(void **state)
{
	uintptr_t page = (uintptr_t)*state;

	assert_true(is_writable(*state));
	interrupted = 2;
	assert_int_equal(protect(page, page + 4096), 0);
	assert_int_equal(interrupted, 0);
	assert_false(is_writable(*state));
}

static void
pages_are_not(void **state)
{
	uintptr_t page = (uintptr_t)*state;

	mprotect_does = FAILS;
	assert_int_equal(protect(page, page + 4096), -1);
	assert_int_equal(errno, ENOMEM);
	/* It said so, and did not. */
	mprotect_does = LIES;
	assert_int_equal(protect(page, page + 4096), -1);
	assert_int_equal(errno, 0);
	/* Nobody can say. */
	mprotect_does = WORKS;
	no_getrandom = true;
	assert_int_equal(protect(page, page + 4096), -1);
	assert_int_equal(errno, ENOSYS);
}

/* The whole pages of our own segment, which the loader has protected already.
 */
static void
relocated_data(void **state)
{
	const ElfW(Phdr) *header = (const void *)getauxval(AT_PHDR);
	size_t n = getauxval(AT_PHNUM);

	(void)state;
	while (n > 0 && header->p_type != PT_GNU_RELRO) {
		header++;
		n--;
	}
	if (n == 0)
		skip(); /* built without */
	assert_int_equal(relro_apply(), 0);
	assert_int_equal(protected_from % 4096, 0);
	assert_int_equal(protected_to % 4096, 0);
	assert_in_range(
	    protected_to - protected_from, 4096, header->p_memsz + 4095);
	mprotect_does = FAILS;
	assert_int_equal(relro_apply(), -1);
	assert_int_equal(errno, ENOMEM);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    pages_are_protected, setup, teardown),
		cmocka_unit_test_setup_teardown(pages_are_not, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    relocated_data, setup, teardown),
	};

	return cmocka_run_group_tests_name("protect", tests, NULL, NULL);
}
