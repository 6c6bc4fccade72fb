/* How a client's session ended: shared/outcome.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "shared/outcome.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

/* The names are in the interface contract: logs and metrics have them. */
static const struct {
	enum outcome outcome;
	const char *name;
} names[] = {
	{ OUTCOME_GREETED, "greeted" },
	{ OUTCOME_CLIENT_GONE, "client_gone" },
	{ OUTCOME_RESET, "reset" },
	{ OUTCOME_SEND_TIMEOUT, "send_timeout" },
	{ OUTCOME_BAD_REQUEST, "bad_request" },
	{ OUTCOME_REQUEST_TIMEOUT, "request_timeout" },
	{ OUTCOME_PROXY_ERROR, "proxy_error" },
	{ OUTCOME_PROBED, "probed" },
	{ OUTCOME_SESSION_TIMEOUT, "session_timeout" },
	{ OUTCOME_CPU_LIMIT, "cpu_limit" },
	{ OUTCOME_VIOLATION, "violation" },
	{ OUTCOME_CRASHED, "crashed" },
	{ OUTCOME_KILLED, "killed" },
};

static const struct {
	int signal;
	enum outcome outcome;
} signals[] = {
	{ SIGALRM, OUTCOME_SESSION_TIMEOUT },
	{ SIGXCPU, OUTCOME_CPU_LIMIT },
	{ SIGSYS, OUTCOME_VIOLATION },
	{ SIGTERM, OUTCOME_KILLED },
	{ SIGKILL, OUTCOME_KILLED },
	{ SIGINT, OUTCOME_KILLED },
	{ SIGHUP, OUTCOME_KILLED },
	{ SIGQUIT, OUTCOME_KILLED },
	{ SIGSEGV, OUTCOME_CRASHED },
	{ SIGBUS, OUTCOME_CRASHED },
	{ SIGABRT, OUTCOME_CRASHED },
	{ SIGILL, OUTCOME_CRASHED },
	{ SIGFPE, OUTCOME_CRASHED },
	{ SIGTRAP, OUTCOME_CRASHED },
	{ SIGPIPE, OUTCOME_CRASHED },
	{ SIGUSR1, OUTCOME_CRASHED },
	{ SIGXFSZ, OUTCOME_CRASHED },
};

static void
test_names(void **state)
{
	(void)state;
	assert_int_equal(COUNT(names), OUTCOME_COUNT);
	for (size_t i = 0; i < COUNT(names); i++) {
		/* In the order of the enum, so that none is missing. */
		assert_int_equal(names[i].outcome, i);
		assert_string_equal(
		    outcome_name(names[i].outcome), names[i].name);
	}
}

/* Runs a child that exits with code or, when code is -1, is hit by signal. */
static int
child_status(int code, int signal)
{
	const struct rlimit no_core = { 0, 0 };
	pid_t pid;
	int status;

	switch (pid = fork()) {
	case -1:
		fail_msg("fork: %s", strerror(errno));
		break;
	case 0:
		setrlimit(RLIMIT_CORE, &no_core);
		if (code != -1)
			_exit(code);
		for (int i = 1; i < NSIG; i++)
			(void)sigaction(i,
			    &(struct sigaction){ .sa_handler = SIG_DFL }, NULL);
		kill(getpid(), signal);
		_exit(99);
	default:
		break;
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
check_status(int status, enum outcome expected)
{
	enum outcome outcome = outcome_of_status(status);

	if (outcome != expected)
		fail_msg("status 0x%x: %s, not %s", (unsigned)status,
		    outcome_name(outcome), outcome_name(expected));
}

static void
test_exit_codes(void **state)
{
	(void)state;
	for (int code = 0; code <= 255; code++)
		check_status(W_EXITCODE(code, 0),
		    code <= OUTCOME_PROXY_ERROR ? (enum outcome)code
						 : OUTCOME_CRASHED);
}

static void
test_signals(void **state)
{
	(void)state;
	for (size_t i = 0; i < COUNT(signals); i++) {
		check_status(
		    W_EXITCODE(0, signals[i].signal), signals[i].outcome);
		check_status(W_EXITCODE(0, signals[i].signal) | WCOREFLAG,
		    signals[i].outcome);
	}
	for (int signal = SIGRTMIN; signal <= SIGRTMAX; signal++)
		check_status(W_EXITCODE(0, signal), OUTCOME_CRASHED);
}

/* The same with statuses from the kernel. */
static void
test_children(void **state)
{
	(void)state;
	for (int code = 0; code <= OUTCOME_COUNT; code++)
		check_status(child_status(code, 0),
		    code <= OUTCOME_PROXY_ERROR ? (enum outcome)code
						 : OUTCOME_CRASHED);
	for (size_t i = 0; i < COUNT(signals); i++)
		check_status(
		    child_status(-1, signals[i].signal), signals[i].outcome);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_exit_codes),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_children),
	};

	return cmocka_run_group_tests_name("outcome", tests, NULL, NULL);
}
