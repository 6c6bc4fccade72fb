/* One client, from the first byte to the exit: all that runs in a client
 * child. */
#ifndef SPAWNER_SESSION_H
#define SPAWNER_SESSION_H

struct plan;
struct plan_session;

/* Exit code of a child that could not limit itself; the master, which knows no
 * such outcome, counts it as crashed. */
#define SESSION_EXIT_UNLIMITED 70

/*
 * Serves the client on descriptor 0 and exits with an enum outcome (or by the
 * session timer's SIGALRM, RLIMIT_CPU's SIGXCPU).  Uses no libc service but
 * syscall(2), and no memory but the stack and a static buffer.
 */
_Noreturn void session_run(
    const struct plan *plan, const struct plan_session *session);

#endif
