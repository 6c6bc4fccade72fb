/* Beginning anew: begin_anew.c.  This program is executed once more, and asks what
 * it has got. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/mman.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/begin_anew.h"
#include "master/resume_env.h"
#include "master/system/log.h"
#include "master/system/pack.h"

#define AS_IT_SHOULD 42

static char **arguments;

/* What the second one finds; 0 when all is there. */
static int
look(void)
{
	struct unpack unpack;
	struct resume_env env;
	sigset_t pending;
	size_t n;

	if (!resume_env_get(&env) || env.trial || env.tries != 4)
		return 1;
	if (sigpending(&pending) == -1 || sigismember(&pending, SIGHUP) != 1 ||
	    sigismember(&pending, SIGTERM) != 1 ||
	    sigismember(&pending, SIGUSR2) != 0)
		return 2;
	if (unpack_open(&unpack, env.state) != NULL)
		return 3;
	if (unpack_fds(&unpack, &n) == NULL || n != 1 ||
	    unpack_fds(&unpack, &n)[0] != env.kept ||
	    fcntl(env.kept, F_GETFD) != 0)
		return 4;
	return AS_IT_SHOULD;
}

/* As the daemon is when it goes on, but for what fatal() is called for. */
static void
go_on(int64_t tries)
{
	struct pack pack = { 0 };
	struct resume_env env = { .tries = tries };
	struct unpack unpack;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	env.kept = memfd_create("kept", MFD_CLOEXEC);
	pack_fd(&pack, env.kept);
	env.state = pack_seal(&pack);
	if (env.state == -1 || unpack_open(&unpack, env.state) != NULL)
		_exit(5);
	begin_anew_at_fatal(arguments, &env, &unpack);
	if (tries < 9) {
		begin_anew_note(SIGHUP);
		if (!begin_anew_defers(SIGTERM))
			_exit(6);
	}
	fatal(EXIT_SYSTEM, "made up");
}

static int
status_of(void (*child)(int64_t tries), int64_t tries)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		child(tries);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
what_it_has_is_there_again(void **state)
{
	(void)state;
	assert_int_equal(status_of(go_on, 3), AS_IT_SHOULD);
}

static void
there_is_an_end(void **state)
{
	(void)state;
	assert_int_equal(status_of(go_on, 9), EXIT_SYSTEM);
}

/* A second signal to stop is serious. */
static void
stop_twice(int64_t tries)
{
	struct resume_env env = { .tries = tries };
	struct unpack unpack = { 0 };

	begin_anew_at_fatal(arguments, &env, &unpack);
	if (!begin_anew_defers(SIGTERM) || begin_anew_defers(SIGTERM))
		_exit(6);
	fatal(EXIT_SYSTEM, "made up");
}

static void
a_second_stop_ends_it(void **state)
{
	(void)state;
	assert_int_equal(status_of(stop_twice, 0), EXIT_SYSTEM);
}

static void
nothing_is_deferred_otherwise(void **state)
{
	(void)state;
	begin_anew_note(SIGHUP);
	assert_false(begin_anew_defers(SIGTERM));
	begin_anew_no_more();
}

int
main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_it_has_is_there_again),
		cmocka_unit_test(there_is_an_end),
		cmocka_unit_test(a_second_stop_ends_it),
		cmocka_unit_test(nothing_is_deferred_otherwise),
	};

	(void)argc;
	if (getenv(RESUME_STATE) != NULL)
		return look();
	arguments = argv;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
