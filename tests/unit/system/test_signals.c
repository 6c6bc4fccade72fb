/* What was inherited is tidied, and what had no effect is found out:
 * master/system/signals.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>

#include "master/system/signals.h"

int __real_sigprocmask(int how, const sigset_t *set, sigset_t *old);
int __wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old);
static int lies; /* 1: setting has no effect */

int
__wrap_sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
	return lies && set != NULL ? 0 : __real_sigprocmask(how, set, old);
}

static void
test_default(void **state)
{
	struct sigaction now;
	sigset_t mask;

	(void)state;
	signal(SIGALRM, SIG_IGN);
	signal(SIGXCPU, SIG_IGN);
	sigemptyset(&mask);
	sigaddset(&mask, SIGTERM);
	assert_int_equal(__real_sigprocmask(SIG_BLOCK, &mask, NULL), 0);
	assert_int_equal(signals_default(), 0);
	assert_int_equal(sigaction(SIGALRM, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_DFL);
	assert_int_equal(sigaction(SIGXCPU, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_DFL);
	assert_int_equal(__real_sigprocmask(SIG_BLOCK, NULL, &mask), 0);
	assert_int_equal(sigismember(&mask, SIGTERM), 0);
}

static void
test_ignore(void **state)
{
	struct sigaction now;

	(void)state;
	assert_int_equal(signals_ignore(SIGPIPE), 0);
	assert_int_equal(sigaction(SIGPIPE, NULL, &now), 0);
	assert_ptr_equal(now.sa_handler, SIG_IGN);
	assert_int_equal(signals_ignore(SIGKILL), -1);
	assert_int_equal(errno, EINVAL);
	signal(SIGPIPE, SIG_DFL);
}

static void
test_block(void **state)
{
	sigset_t set, now;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	assert_int_equal(signals_block(&set), 0);
	assert_int_equal(__real_sigprocmask(SIG_BLOCK, NULL, &now), 0);
	assert_int_equal(sigismember(&now, SIGHUP), 1);
	assert_int_equal(sigismember(&now, SIGUSR1), 0);
	assert_int_equal(signals_default(), 0);
}

/* Success is said, and nothing has changed. */
static void
test_c5_no_effect(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	lies = 1;
	errno = EIO;
	assert_int_equal(signals_block(&set), -1);
	assert_int_equal(errno, 0);
	lies = 0;
	assert_int_equal(signals_block(&set), 0);
	lies = 1;
	assert_int_equal(signals_default(), -1);
	assert_int_equal(errno, 0);
	lies = 0;
	assert_int_equal(signals_default(), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_ignore),
		cmocka_unit_test(test_block),
		cmocka_unit_test(test_c5_no_effect),
	};

	return cmocka_run_group_tests_name("signals", tests, NULL, NULL);
}
