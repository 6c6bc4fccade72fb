/* The trial of a generation. */
#include "config.h"

#include "master/generations/trial.h"

#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/generations/diagnose.h"
#include "master/system/events.h"
#include "master/generations/launch.h"
#include "master/generations/snapshot.h"
#include "master/generations/spawners.h"
#include "shared/attempt.h"
#include "shared/outcome.h"

/* One that is dead takes no order, but trial_check() finds out why. */
static int
order(struct spawners *spawners, struct spawner *spawner, uint32_t session,
    int fd)
{
	int result = spawners_order(spawners, spawner,
	    spawners_canary_slot(spawners, spawner), session, fd);

	return result == -1 && (errno == EPIPE || errno == ECONNRESET) ?
	    0 :
	    result;
}

/* Connects the canary and hands it over as the first client. */
static int
canary_start(struct spawners *spawners, struct spawner *spawner)
{
	int ends[2], result;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	result = order(spawners, spawner, 0, ends[1]);
	close(ends[1]);
	spawner->canary = ends[0];
	return result;
}

static int
process_start(struct spawners *spawners, struct spawner *spawner, int plan_fd)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	spawner->socket = ends[0];
	spawner->pid = launch(
	    spawners->executable, ends[1], plan_fd, spawners->page_fd);
	close(ends[1]);
	if (spawner->pid == -1)
		return -1;
	spawner->pidfd = pidfd_open(spawner->pid, 0);
	return spawner->pidfd == -1 ? -1 : 0;
}

static int
watch(const struct spawners *spawners, const struct spawner *spawner)
{
	uint32_t index = (uint32_t)(spawner - spawners->list);
	int epoll = spawners->epoll;

	return event_add(epoll, spawner->pidfd, EVENT_SPAWNER, index) == -1 ||
		event_add(epoll, spawner->socket, EVENT_SPAWNER, index) ==
		    -1 ||
		event_add(epoll, spawner->canary, EVENT_SPAWNER, index) == -1 ?
	    -1 :
	    0;
}

static int
free_index(const struct spawners *spawners)
{
	int i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].state == SPAWNER_FREE)
			return i;
	return -1;
}

/* Takes a free place, starts a spawner there, and its canary.  NULL: failed, see
 * spawners->failure. */
static struct spawner *
begin(struct spawners *spawners, int plan_fd, int64_t now)
{
	struct spawner *spawner;
	int index = free_index(spawners);

	if (index == -1) {
		spawners->cause = EXIT_SYSTEM;
		snprintf(spawners->failure, sizeof(spawners->failure),
		    "%d earlier spawners have not ended yet", SPAWNERS_MAX);
		return NULL;
	}
	spawner = &spawners->list[index];
	spawner->state = SPAWNER_TRIAL;
	spawner->generation = ++spawners->generation;
	spawner->deadline = now + SPAWNER_TRIAL_MS * CLOCK_MS;
	spawners->trial = index;
	if (process_start(spawners, spawner, plan_fd) == 0 &&
	    canary_start(spawners, spawner) == 0 &&
	    watch(spawners, spawner) == 0)
		return spawner;
	spawners->cause = EXIT_SYSTEM;
	snprintf(spawners->failure, sizeof(spawners->failure),
	    "starting the spawner: %s", strerror(errno));
	trial_abandon(spawners);
	return NULL;
}

int
trial_start(struct spawners *spawners, const struct snapshot *snapshot,
    int64_t now)
{
	spawners->plan = snapshot->plan;
	return begin(spawners, snapshot->fd, now) == NULL ? -1 : 0;
}

static enum trial __attribute__((format(printf, 3, 4)))
trial_fail(struct spawners *spawners, enum exit_status cause,
    const char *format, ...)
{
	va_list args;

	spawners->cause = cause;
	va_start(args, format);
	vsnprintf(
	    spawners->failure, sizeof(spawners->failure), format, args);
	va_end(args);
	trial_abandon(spawners);
	return TRIAL_FAILED;
}

static void
canary_close(struct spawner *spawner)
{
	close(spawner->canary);
	spawner->canary = -1;
}

/* Reads what the canary got so far.  False when it is not the greeting. */
static bool
canary_read(const struct spawners *spawners, struct spawner *spawner)
{
	const struct plan_session *session = &spawners->plan->session[0];
	const char *want = (const char *)spawners->plan +
	    session->greeting_offset;
	char got[16 << 10];
	ssize_t n;

	while ((n = recv(spawner->canary, got, sizeof(got), MSG_DONTWAIT)) >
	    0) {
		if ((size_t)n > session->greeting_length -
			    spawner->canary_read ||
		    memcmp(got, want + spawner->canary_read, (size_t)n) != 0)
			return false;
		spawner->canary_read += (uint32_t)n;
	}
	if (spawner->canary_read == session->greeting_length &&
	    (n == 0 || session->hold))
		canary_close(spawner);
	return true;
}

/* ------------------------------------------------------------- killed by SIGSYS */

/* The trial has failed by a system call: tries once more, to name it. */
static enum trial
diagnosis_start(struct spawners *spawners, int64_t now)
{
	char failure[sizeof(spawners->failure)];
	struct spawner *spawner;
	int fd = diagnose_plan(spawners->plan);

	memcpy(failure, spawners->failure, sizeof(failure));
	trial_abandon(spawners);
	spawners->page[PLAN_REFUSED_SLOT] = 0;
	spawner = fd == -1 ? NULL : begin(spawners, fd, now);
	if (fd != -1)
		close(fd);
	memcpy(spawners->failure, failure, sizeof(failure));
	if (spawner == NULL)
		return TRIAL_FAILED;
	spawner->diagnosed = true;
	return TRIAL_RUNNING;
}

/* It has ended, or had its time. */
static enum trial
diagnosis_end(struct spawners *spawners)
{
	diagnose_explain(spawners->failure, sizeof(spawners->failure),
	    __atomic_load_n(
		&spawners->page[PLAN_REFUSED_SLOT], __ATOMIC_ACQUIRE));
	trial_abandon(spawners);
	return TRIAL_FAILED;
}

static enum trial
diagnosis_check(
    struct spawners *spawners, struct spawner *spawner, int64_t now)
{
	int32_t pid = spawners_page(
	    spawners, spawners_canary_slot(spawners, spawner));

	if (spawner->canary != -1)
		canary_read(spawners, spawner);
	if (pid > 0 && waitpid(pid, NULL, WNOHANG) == pid)
		return diagnosis_end(spawners);
	if (waitpid(spawner->pid, NULL, WNOHANG) == spawner->pid) {
		spawner->pid = -1;
		return diagnosis_end(spawners);
	}
	return now < spawner->deadline ? TRIAL_RUNNING :
					 diagnosis_end(spawners);
}

/* ----------------------------------------------------------------- its judgement */

/* Did the spawner, which has ended, say what it could not do?  The canary that it
 * left unread is an error of the socket's, which comes before what it said. */
static bool
failure_read(const struct spawner *spawner, struct plan_failure *failure)
{
	ssize_t n;

	do
		n = recv(spawner->socket, failure, sizeof(*failure),
		    MSG_DONTWAIT);
	while (n == -1 && errno == ECONNRESET);
	if (n != sizeof(*failure))
		return false;
	failure->step[sizeof(failure->step) - 1] = '\0';
	return true;
}

/* Starts the next attempt that the filter must not let through. */
static enum trial
attempt_next(struct spawners *spawners, struct spawner *spawner)
{
	uint32_t next = spawner->attempts;

	if (!spawners->plan->sandbox || attempt_get(next) == NULL)
		return TRIAL_PASSED;
	if (order(spawners, spawner, PLAN_ATTEMPT + next, -1) == -1)
		return trial_fail(spawners, EXIT_SYSTEM, "spawner: order: %s",
		    strerror(errno));
	spawner->attempts = next + 1;
	return TRIAL_RUNNING;
}

/* SIGSYS is the filter's, and a child says so when it cannot limit itself; what
 * else ends one is the system's fault, or somebody's kill(1). */
static enum exit_status
death_cause(int status)
{
	bool unconfined = WIFSIGNALED(status) ?
	    WTERMSIG(status) == SIGSYS :
	    WEXITSTATUS(status) == PROLOGUE_EXIT_FAILED;

	return unconfined ? EXIT_PRIVILEGE : EXIT_SYSTEM;
}

/* The child that made the last attempt has ended with status. */
static enum trial
attempt_judge(struct spawners *spawners, struct spawner *spawner, int status)
{
	const char *name = attempt_get(spawner->attempts - 1)->name;

	if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
		return attempt_next(spawners, spawner);
	if (WIFEXITED(status) && WEXITSTATUS(status) == ATTEMPT_EXIT_ALLOWED)
		return trial_fail(spawners, EXIT_PRIVILEGE,
		    "spawner: seccomp: not in effect, a child got through "
		    "with %s", name);
	return trial_fail(spawners, death_cause(status),
	    "trial of %s: ended with %s %d", name,
	    WIFSIGNALED(status) ? "signal" : "exit status",
	    WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* A signal was the end of who. */
static enum trial
died(struct spawners *spawners, const char *who, int status)
{
	spawners->cause = death_cause(status);
	snprintf(spawners->failure, sizeof(spawners->failure),
	    "%s: %s by signal %d (%s)", who,
	    outcome_name(outcome_of_status(status)), WTERMSIG(status),
	    strsignal(WTERMSIG(status)));
	if (WTERMSIG(status) == SIGSYS)
		return diagnosis_start(spawners, clock_now());
	trial_abandon(spawners);
	return TRIAL_FAILED;
}

/* The canary's child has ended with status. */
static enum trial
canary_judge(struct spawners *spawners, struct spawner *spawner, int status)
{
	if (WIFSIGNALED(status))
		return died(spawners, "trial client", status);
	if (spawner->canary != -1 && !canary_read(spawners, spawner))
		return trial_fail(spawners, EXIT_SYSTEM,
		    "trial client: wrong greeting");
	if (WEXITSTATUS(status) != OUTCOME_GREETED || spawner->canary != -1)
		return trial_fail(spawners, death_cause(status),
		    "trial client: not greeted, exit status %d",
		    WEXITSTATUS(status));
	return attempt_next(spawners, spawner);
}

/* The spawner has ended: only now all that it said is there to be read. */
static enum trial
trial_ended(struct spawners *spawners, struct spawner *spawner, int status)
{
	struct plan_failure failure;

	spawner->pid = -1; /* reaped */
	if (failure_read(spawner, &failure))
		return trial_fail(spawners,
		    cause_of(failure.error, EXIT_PRIVILEGE), "spawner: %s: %s",
		    failure.step,
		    failure.error == 0 ? "not in effect" :
					 strerror(failure.error));
	if (WIFSIGNALED(status))
		return died(spawners, "spawner", status);
	/* It is not ours: it would have said why. */
	return trial_fail(spawners, EXIT_PRIVILEGE,
	    "spawner: ended with exit status %d", WEXITSTATUS(status));
}

enum trial
trial_check(struct spawners *spawners, int64_t now)
{
	struct spawner *spawner = &spawners->list[spawners->trial];
	int32_t pid = spawners_page(
	    spawners, spawners_canary_slot(spawners, spawner));
	int status;

	if (spawner->diagnosed)
		return diagnosis_check(spawners, spawner, now);
	if (spawner->canary != -1 && !canary_read(spawners, spawner))
		return trial_fail(spawners, EXIT_SYSTEM,
		    "trial client: wrong greeting");
	if (pid < 0)
		return trial_fail(spawners, cause_of(-pid, EXIT_PRIVILEGE),
		    "trial client: clone: %s", strerror(-pid));
	if (pid > 0 && waitpid(pid, &status, WNOHANG) == pid)
		return spawner->attempts == 0 ?
		    canary_judge(spawners, spawner, status) :
		    attempt_judge(spawners, spawner, status);
	if (waitpid(spawner->pid, &status, WNOHANG) == spawner->pid)
		return trial_ended(spawners, spawner, status);
	if (now >= spawner->deadline)
		return trial_fail(spawners, EXIT_SYSTEM,
		    "trial client: not served in %d s",
		    SPAWNER_TRIAL_MS / 1000);
	return TRIAL_RUNNING;
}

void
trial_abandon(struct spawners *spawners)
{
	struct spawner *spawner;
	int32_t pid;

	if (spawners->trial == -1)
		return;
	spawner = &spawners->list[spawners->trial];
	spawners_end(spawner);
	pid = spawners_page(spawners, spawners_canary_slot(spawners, spawner));
	if (child_signal(pid, SIGKILL) == 0)
		waitpid(pid, NULL, 0);
	spawners_forget(spawners, spawner);
}

