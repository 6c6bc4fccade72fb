/* What a client child sets for itself before it serves. */
#ifndef SPAWNER_IMAGE_PROLOGUE_H
#define SPAWNER_IMAGE_PROLOGUE_H

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "shared/attempt.h"
#include "shared/outcome.h"
#include "shared/plan.h"
#include "spawner/image/call.h"
#include "spawner/image/image.h"

static const struct plan_limit prologue_none = { 0, 0 };

static inline long
prologue_limit(int resource, const struct plan_limit *limit)
{
	return call6(SYS_prlimit64, 0, resource, (long)limit, 0, 0, 0);
}

/* Sets what is not inherited over a fork, and what would have limited the
 * spawner too: no further process, timeouts.cpu, the timer of timeouts.session.
 * Returns 0, or a negative errno. */
static inline long
prologue_limits(const struct plan_session *session)
{
	long error = prologue_limit(RLIMIT_NPROC, &prologue_none);

	if (error == 0)
		error = prologue_limit(RLIMIT_CPU, &session->cpu);
	if (error == 0)
		error = call3(SYS_setitimer, ITIMER_REAL,
		    (long)session->timer, 0);
	return error;
}

/*
 * Leaves the spawner's socket, ties the child's life to the master's, and limits
 * the child.  Exits when the
 * master is gone (OUTCOME_KILLED) or a step fails (PROLOGUE_EXIT_FAILED).  The
 * parent is compared because PR_SET_PDEATHSIG has no effect when it has died
 * already.
 */
static inline void
prologue(const struct plan *plan, const struct plan_session *session)
{
	call_close(SPAWNER_SOCKET);
	if (call5(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0)
		call_exit(PROLOGUE_EXIT_FAILED);
	if (call0(SYS_getppid) != plan->master)
		call_exit(OUTCOME_KILLED);
	if (prologue_limits(session) != 0)
		call_exit(PROLOGUE_EXIT_FAILED);
}

/* The same, for those who may call a function before anything else. */
IMAGE_OWN void prologue_call(
    const struct plan *plan, const struct plan_session *session);

#endif
