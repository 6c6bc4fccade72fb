/* The plan, which is the sealed snapshot that a spawner works from; the orders
 * that come with each client; and the descriptors of both. */
#ifndef SHARED_PLAN_H
#define SHARED_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "shared/addr.h"

/*
 * Descriptors that a spawner is exec'd with; all others are closed.  0 and 1 are
 * free on purpose: recvmsg(2) then puts there what comes with an order, and
 * RLIMIT_NOFILE, 1 or 2 as the plan says, lets no more come.
 */
enum {
	SPAWNER_CLIENT = 0,
	SPAWNER_PAIR = 1, /* SOCK_SEQPACKET to the master, for the child of a client
			   * behind a proxy */
	SPAWNER_SOCKET = 3, /* SOCK_SEQPACKET to the master */
	SPAWNER_PLAN = 4, /* sealed memfd: struct plan; closed once mapped */
	SPAWNER_PAGE = 5, /* memfd: the pid page; closed once mapped */
};

/* Exit status of a spawner that cannot receive orders: the system is out of
 * something.  Why is not said: nothing that could say it is left. */
#define SPAWNER_UNABLE 71

/* Clients that may be lingering at a time: connections without a process. */
#define PLAN_LINGERING_MAX 4096

/* Rows of the pid page: one for each client slot (30,000 clients, the most that
 * limits.max_clients may say, one that is being refused, and those that
 * linger), above them one for the canary, and one for a diagnosis: a canary that
 * the filter killed cannot say why, so the same plan is tried once more with
 * PLAN_SANDBOX_DIAGNOSE and a filter that traps.  Who is refused a call stores
 * its number, plus 1, in that row and exits; these children do have the page. */
#define PLAN_CLIENT_SLOTS (30001 + PLAN_LINGERING_MAX)
#define PLAN_CANARY_SLOT PLAN_CLIENT_SLOTS
#define PLAN_REFUSED_SLOT (PLAN_CANARY_SLOT + 1)
#define PLAN_SLOTS (PLAN_REFUSED_SLOT + 1)

/*
 * The pid page: int32_t[PLAN_SLOTS], one for each spawner, shared by it and the
 * master, never by a client's child.  0: not cloned yet.  Above 0: the child's pid, which
 * the kernel stores before the child runs (CLONE_PARENT_SETTID).  Below 0: the
 * clone failed with that errno.
 */
#define PLAN_PAGE_BYTES (PLAN_SLOTS * sizeof(int32_t))

/* "fgplan" and a number that changes with the layout below. */
#define PLAN_MAGIC UINT64_C(0x6667706c616e0006)

enum plan_format {
	PLAN_PLAIN, /* the greeting, at once */
	PLAN_HTTP, /* an answer to a request, after its head */
};

#define PLAN_PROXY_V1 1u
#define PLAN_PROXY_V2 2u

/* The fields of struct rlimit64, whatever a C library makes of rlim_t. */
struct plan_limit {
	uint64_t soft;
	uint64_t hard;
};

/* What the clients of a listener get in one of its states, or those that one of
 * its rules lets in. */
struct plan_session {
	struct plan_limit cpu; /* RLIMIT_CPU, seconds; both are the same: a child
				* may raise its soft limit up to the hard one */
	long timer[4]; /* ITIMER_REAL of the child, as setitimer(2) takes it:
			* the time of the session is in [2] and [3] */
	uint32_t format; /* enum plan_format */
	uint32_t greeting_offset; /* from the start of the plan */
	uint32_t greeting_length;
	uint32_t head_offset; /* PLAN_HTTP: status line and constant fields */
	uint32_t head_length;
	uint32_t request_ms; /* PLAN_HTTP: for the whole head of the request */
	uint32_t proxy_versions; /* of the PROXY protocol: PLAN_PROXY_V1,
				  * PLAN_PROXY_V2, or both; 0: without it */
	uint32_t proxy_ms; /* for the whole PROXY header */
	uint32_t send_ms; /* without progress in sending */
	uint32_t linger_ms; /* for the client's end of stream; 0: none */
	uint32_t hold; /* 1: wait for the client to end the stream first */
	uint32_t rendered; /* 1: it has variables; what is sent comes with the
			    * order, not from here */
};

enum plan_sandbox {
	PLAN_SANDBOX_OFF,
	PLAN_SANDBOX_REQUIRED,
	PLAN_SANDBOX_DIAGNOSE, /* never serves a client: see PLAN_REFUSED_SLOT */
};

/* Written by the master, sealed, mapped read-only by the spawner. */
struct plan {
	uint64_t magic;
	uint32_t size; /* of the whole memfd, bytes */
	int32_t master; /* pid: the only parent that a child accepts */
	uint32_t sandbox; /* enum plan_sandbox */
	uint32_t filter_offset; /* struct sock_filter[], 8-byte aligned */
	uint32_t filter_length; /* instructions, at most BPF_MAXINSNS */
	uint32_t n_sessions;
	uint32_t descriptors; /* that come with an order at most: 2 when any
			       * session has proxy_versions, else 1 */
	struct plan_session session[]; /* then the filter and the greetings */
};

/* The end of a head, and GREET_MESSAGE_MAX. */
#define PLAN_HEAD_MAX 256
#define PLAN_ORDER_BYTES_MAX (PLAN_HEAD_MAX + 4096)

/* The length of "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", RFC 9110, 5.6.7. */
#define PLAN_DATE_LENGTH 37

/*
 * One message to a spawner; the client's descriptor comes with it.  The rest of
 * the message is what the client is sent: in PLAN_HTTP first the end of the
 * answer's head, which begins with the field Date and has the empty line, head
 * bytes; then, in a session that is rendered, the greeting.
 */
struct plan_order {
	uint32_t slot; /* row of the pid page */
	uint32_t session; /* index into plan->session, or PLAN_ATTEMPT + n */
	uint32_t head; /* at most PLAN_HEAD_MAX; 0 in PLAN_PLAIN */
	uint32_t proxied; /* 1: the client is behind a proxy.  Nothing else comes
			   * with the order but one end of a pair, on which its
			   * child says whom the PROXY header declares (struct
			   * plan_declared), and is told what to do (struct
			   * plan_go).  session is any of the listener's */
};

/* What the child of a client behind a proxy tells the master, only once. */
struct plan_declared {
	uint32_t length; /* of the header, bytes */
	struct addr client; /* AF_UNSPEC: the header declares nobody, it is the
			     * proxy's own connection (LOCAL) or UNKNOWN */
	struct addr server; /* that the client came to; of the same family */
};

/* The shortest header is v1's "PROXY UNKNOWN" and CR LF; the longest is v2's. */
#define PLAN_PROXY_HEADER_MIN 15
#define PLAN_PROXY_HEADER_MAX (16 + 65535)

/*
 * The master's answer to it, followed by what a struct plan_order has behind it.
 * An end of stream instead: the child is to exit, whatever its exit code.
 */
struct plan_go {
	uint32_t session; /* index into plan->session */
	uint32_t head; /* as in struct plan_order */
};

/* Instead of a session: attempt n of shared/attempt.h, without a client. */
#define PLAN_ATTEMPT UINT32_C(0x80000000)

/* The message of a spawner that cannot set itself up; it then exits. */
struct plan_failure {
	int32_t error; /* errno; 0: succeeded, but not in effect */
	char step[60]; /* what it tried, NUL-terminated */
};

#endif
