/* How a client's session ended: shared by the child, which exits with one, and
 * the master, which logs and counts it. */
#ifndef SHARED_OUTCOME_H
#define SHARED_OUTCOME_H

#include <stdbool.h>

/*
 * The first seven are exit codes of a client child; the others the master
 * derives from the wait status.  Exit code 0 is OUTCOME_GREETED.
 */
enum outcome {
	OUTCOME_GREETED, /* whole greeting sent, orderly end */
	OUTCOME_CLIENT_GONE, /* the client closed before it had everything */
	OUTCOME_RESET, /* the client reset the connection */
	OUTCOME_SEND_TIMEOUT, /* no progress for timeouts.send */
	OUTCOME_BAD_REQUEST, /* what it sent is no head of a request; told so */
	OUTCOME_REQUEST_TIMEOUT, /* the head was not whole in timeouts.request */
	OUTCOME_PROXY_ERROR, /* no valid PROXY header came in timeouts.proxy */
	OUTCOME_PROBED, /* the client went with nothing acknowledged, having sent
			 * nothing, as a port check does */
	OUTCOME_SESSION_TIMEOUT, /* alive for timeouts.session */
	OUTCOME_CPU_LIMIT, /* used timeouts.cpu */
	OUTCOME_VIOLATION, /* killed by the sandbox (SIGSYS) */
	OUTCOME_CRASHED, /* another fatal signal, or an unknown exit code */
	OUTCOME_KILLED, /* by the master (shutdown) or by hand */
	OUTCOME_COUNT
};

/* True when the client chose it, or all went well: nothing that an operator
 * would want to know of each time. */
bool outcome_is_ordinary(enum outcome outcome);

/* The outcome's name in logs and metrics; static text. */
const char *outcome_name(enum outcome outcome);

/*
 * The outcome that a wait(2) status stands for.  SIGALRM is the child's own
 * session timer, SIGXCPU the soft RLIMIT_CPU.
 * Signals that people and the master send count as killed.
 */
enum outcome outcome_of_status(int status);

#endif
