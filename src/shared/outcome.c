/* How a client's session ended. */
#include "config.h"

#include "shared/outcome.h"

#include <sys/wait.h>

#include <signal.h>

static const char *const names[OUTCOME_COUNT] = {
	[OUTCOME_GREETED] = "greeted",
	[OUTCOME_CLIENT_GONE] = "client_gone",
	[OUTCOME_RESET] = "reset",
	[OUTCOME_SEND_TIMEOUT] = "send_timeout",
	[OUTCOME_BAD_REQUEST] = "bad_request",
	[OUTCOME_REQUEST_TIMEOUT] = "request_timeout",
	[OUTCOME_PROXY_ERROR] = "proxy_error",
	[OUTCOME_PROBED] = "probed",
	[OUTCOME_SESSION_TIMEOUT] = "session_timeout",
	[OUTCOME_CPU_LIMIT] = "cpu_limit",
	[OUTCOME_VIOLATION] = "violation",
	[OUTCOME_CRASHED] = "crashed",
	[OUTCOME_KILLED] = "killed",
};

const char *
outcome_name(enum outcome outcome)
{
	return names[outcome];
}

bool
outcome_is_ordinary(enum outcome outcome)
{
	return outcome == OUTCOME_GREETED || outcome == OUTCOME_CLIENT_GONE ||
	    outcome == OUTCOME_RESET || outcome == OUTCOME_PROBED;
}

enum outcome
outcome_of_status(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status) <= OUTCOME_PROXY_ERROR ?
		    (enum outcome)WEXITSTATUS(status) :
		    OUTCOME_CRASHED;
	switch (WTERMSIG(status)) {
	case SIGALRM:
		return OUTCOME_SESSION_TIMEOUT;
	case SIGXCPU:
		return OUTCOME_CPU_LIMIT;
	case SIGSYS:
		return OUTCOME_VIOLATION;
	case SIGTERM:
	case SIGKILL:
	case SIGINT:
	case SIGHUP:
	case SIGQUIT:
		return OUTCOME_KILLED;
	default:
		return OUTCOME_CRASHED;
	}
}
