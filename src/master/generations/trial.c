/* The trial of a generation. */
#include "config.h"

#include "master/generations/trial.h"

#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/generations/canary.h"
#include "master/generations/diagnose.h"
#include "master/generations/snapshot.h"
#include "master/generations/spawners.h"
#include "master/system/clock.h"
#include "shared/attempt.h"
#include "shared/outcome.h"

/* Who looks that late at a deadline was away itself. */
#define AWAY (100 * CLOCK_MS)

int
trial_start(struct spawners *spawners, struct trial *trial,
    const struct snapshot *snapshot, int64_t now)
{
	struct spawner *spawner;

	trial->plan = snapshot->plan;
	spawner = canary_begin(spawners, trial, snapshot->fd);
	if (spawner == NULL)
		return -1;
	spawner->deadline = now + SPAWNER_TRIAL_MS * CLOCK_MS;
	return 0;
}

static enum trial_result __attribute__((format(printf, 4, 5)))
trial_fail(struct spawners *spawners, struct trial *trial,
    enum exit_status cause, const char *format, ...)
{
	va_list args;

	trial->cause = cause;
	va_start(args, format);
	vsnprintf(trial->failure, sizeof(trial->failure), format, args);
	va_end(args);
	trial_abandon(spawners, trial);
	return TRIAL_FAILED;
}

/* Reaps the canary's or an attempt's child, if it has ended. */
static bool
child_ended(struct spawner *spawner, pid_t pid, int *status)
{
	struct rusage usage;

	if (pid <= 0 || wait4(pid, status, WNOHANG, &usage) != pid)
		return false;
	spawner->cpu_us += clock_cpu(&usage);
	return true;
}

static void
canary_close(struct spawner *spawner)
{
	close(spawner->canary);
	spawner->canary = -1;
}

/* What the canary got, or declared, is wrong (errno 0), or cannot be read. */
static enum trial_result
canary_unread(
    struct spawners *spawners, struct trial *trial, const char *what)
{
	int error = errno;

	return trial_fail(spawners, trial, EXIT_SYSTEM,
	    "trial client: %s%s%s", error == 0 ? "wrong " : what,
	    error == 0 ? what : ": ", error == 0 ? "" : strerror(error));
}

/* Reads what the canary has received so far.  False, with errno, when it is not
 * the greeting (0), or when that is not known. */
static bool
canary_read(const struct trial *trial, struct spawner *spawner)
{
	char got[16 << 10];
	ssize_t n;

	while ((n = recv(spawner->canary, got, sizeof(got), MSG_DONTWAIT)) >
	    0) {
		if (!canary_takes(
			trial->plan, spawner->canary_read, got, (size_t)n)) {
			errno = 0;
			return false;
		}
		spawner->canary_read += (uint32_t)n;
	}
	if (n == -1 && errno != EAGAIN && errno != EINTR && errno != ECONNRESET)
		return false;
	if (spawner->canary_read == canary_length(trial->plan) &&
	    (n == 0 || canary_session(trial->plan)->hold))
		canary_close(spawner);
	return true;
}

/* ------------------------------------------------------------- killed by SIGSYS */

/* The trial has failed because of a system call: tries once more, to name
 * it. */
static enum trial_result
diagnosis_start(struct spawners *spawners, struct trial *trial)
{
	char failure[sizeof(trial->failure)];
	struct spawner *spawner;
	int fd = diagnose_plan(trial->plan);

	memcpy(failure, trial->failure, sizeof(failure));
	trial_abandon(spawners, trial);
	spawner = fd == -1 ? NULL : canary_begin(spawners, trial, fd);
	if (fd != -1)
		close(fd);
	memcpy(trial->failure, failure, sizeof(failure));
	if (spawner == NULL)
		return TRIAL_FAILED;
	spawner->diagnosed = true;
	return TRIAL_RUNNING;
}

/* It has ended, or had its time. */
static enum trial_result
diagnosis_end(struct spawners *spawners, struct trial *trial)
{
	const struct spawner *spawner = &spawners->list[trial->index];

	diagnose_explain(trial->failure, sizeof(trial->failure),
	    __atomic_load_n(
		&spawner->page[PLAN_REFUSED_SLOT], __ATOMIC_ACQUIRE));
	trial_abandon(spawners, trial);
	return TRIAL_FAILED;
}

static enum trial_result
diagnosis_check(struct spawners *spawners, struct trial *trial,
    struct spawner *spawner, int64_t now)
{
	int32_t pid = spawners_row(spawners, spawner, PLAN_CANARY_SLOT);
	int status;

	if (spawner->canary != -1)
		canary_read(trial, spawner);
	if (child_ended(spawner, pid, &status))
		return diagnosis_end(spawners, trial);
	if (waitpid(spawner->pid, NULL, WNOHANG) == spawner->pid) {
		spawner->pid = -1;
		return diagnosis_end(spawners, trial);
	}
	return now < spawner->deadline ? TRIAL_RUNNING :
					 diagnosis_end(spawners, trial);
}

/* ----------------------------------------------------------------- its judgement */

/* True when the spawner, which has ended, has reported a failure. The canary
 * that it left unread causes an error of the socket, which comes before the
 * report. */
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

/* What the trial took of a processor, without our own part. */
static int64_t
cpu_of(const struct spawner *spawner)
{
	struct timespec used = { 0, 0 };
	clockid_t clock;

	if (clock_getcpuclockid(spawner->pid, &clock) == 0)
		clock_gettime(clock, &used);
	return spawner->cpu_us + used.tv_sec * CLOCK_SECOND +
	    used.tv_nsec / 1000;
}

/* Starts the next attempt; without a sandbox only those that need none. */
static enum trial_result
attempt_next(
    struct spawners *spawners, struct trial *trial, struct spawner *spawner)
{
	uint32_t next = spawner->attempts;
	struct order order = { .session = PLAN_ATTEMPT + next, .fd = -1 };

	if (attempt_get(next) == NULL ||
	    (!trial->plan->sandbox && next != ATTEMPT_PAGE)) {
		trial->cpu_us = cpu_of(spawner);
		return TRIAL_PASSED;
	}
	if (canary_order(spawner, &order) == -1)
		return trial_fail(spawners, trial, EXIT_SYSTEM,
		    "spawner: order: %s",
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

/* The attempt was not its child's end: that is how it must be for the page. */
static enum trial_result
attempt_exited(struct spawners *spawners, struct trial *trial,
    struct spawner *spawner, int code)
{
	const struct attempt *attempt = attempt_get(spawner->attempts - 1);
	bool page = spawner->attempts - 1 == ATTEMPT_PAGE;

	if (page && code == ATTEMPT_EXIT_FAULT)
		return attempt_next(spawners, trial, spawner);
	if (code == ATTEMPT_EXIT_ALLOWED)
		return trial_fail(spawners, trial, EXIT_PRIVILEGE,
		    "spawner: %s: not in effect, a child got through with %s",
		    page ? "madvise MADV_DONTFORK" : "seccomp",
		    attempt->name);
	return trial_fail(spawners, trial,
	    code == PROLOGUE_EXIT_FAILED ? EXIT_PRIVILEGE : EXIT_SYSTEM,
	    "trial of %s: ended with exit status %d", attempt->name, code);
}

/* The child that made the last attempt has ended with status. */
static enum trial_result
attempt_judge(struct spawners *spawners, struct trial *trial,
    struct spawner *spawner, int status)
{
	const struct attempt *attempt = attempt_get(spawner->attempts - 1);

	if (!WIFSIGNALED(status))
		return attempt_exited(
		    spawners, trial, spawner, WEXITSTATUS(status));
	if (WTERMSIG(status) == SIGSYS &&
	    spawner->attempts - 1 != ATTEMPT_PAGE)
		return attempt_next(spawners, trial, spawner);
	return trial_fail(spawners, trial, death_cause(status),
	    "trial of %s: ended with signal %d",
	    attempt->name, WTERMSIG(status));
}

/* A signal has killed who. */
static enum trial_result
died(struct spawners *spawners, struct trial *trial, const char *who,
    int status)
{
	trial->cause = death_cause(status);
	snprintf(trial->failure, sizeof(trial->failure),
	    "%s: %s by signal %d (%s)", who,
	    outcome_name(outcome_of_status(status)), WTERMSIG(status),
	    strsignal(WTERMSIG(status)));
	if (WTERMSIG(status) == SIGSYS)
		return diagnosis_start(spawners, trial);
	trial_abandon(spawners, trial);
	return TRIAL_FAILED;
}

/* The canary's child has ended with status. */
static enum trial_result
canary_judge(struct spawners *spawners, struct trial *trial,
    struct spawner *spawner, int status)
{
	if (WIFSIGNALED(status))
		return died(spawners, trial, "trial client", status);
	if (spawner->canary != -1 && !canary_read(trial, spawner))
		return canary_unread(spawners, trial, "greeting");
	if (WEXITSTATUS(status) != OUTCOME_GREETED || spawner->canary != -1)
		return trial_fail(spawners, trial, death_cause(status),
		    "trial client: not greeted, exit status %d",
		    WEXITSTATUS(status));
	if (!canary_was_declared(spawner, trial->plan))
		return canary_unread(spawners, trial, "PROXY header");
	return attempt_next(spawners, trial, spawner);
}

/* The spawner has ended: only now everything that it has sent can be read. */
static enum trial_result
trial_ended(struct spawners *spawners, struct trial *trial,
    struct spawner *spawner, int status)
{
	struct plan_failure failure;

	spawner->pid = -1; /* reaped */
	if (failure_read(spawner, &failure))
		return trial_fail(spawners, trial,
		    cause_of(failure.error, EXIT_PRIVILEGE), "spawner: %s: %s",
		    failure.step,
		    failure.error == 0 ? "not in effect" :
					 strerror(failure.error));
	if (WIFSIGNALED(status))
		return died(spawners, trial, "spawner", status);
	/* If it is not ours, it could not say why. */
	return trial_fail(spawners, trial,
	    WEXITSTATUS(status) == SPAWNER_UNABLE ? EXIT_SYSTEM :
						    EXIT_PRIVILEGE,
	    "spawner: ended with exit status %d", WEXITSTATUS(status));
}

/* Who looks that late was away itself: the spawner gets its time. */
static bool
is_over(struct spawner *spawner, int64_t now)
{
	if (now - spawner->deadline < AWAY)
		return now >= spawner->deadline;
	spawner->deadline = now + SPAWNER_TRIAL_MS * CLOCK_MS;
	return false;
}

enum trial_result
trial_check(struct spawners *spawners, struct trial *trial, int64_t now)
{
	struct spawner *spawner = &spawners->list[trial->index];
	int32_t pid = spawners_row(spawners, spawner, PLAN_CANARY_SLOT);
	int status;

	if (spawner->diagnosed)
		return diagnosis_check(spawners, trial, spawner, now);
	if (spawner->canary != -1 && !canary_read(trial, spawner))
		return canary_unread(spawners, trial, "greeting");
	if (pid < 0)
		return trial_fail(spawners, trial,
		    cause_of(-pid, EXIT_PRIVILEGE), "trial client: clone: %s",
		    strerror(-pid));
	if (child_ended(spawner, pid, &status))
		return spawner->attempts == 0 ?
		    canary_judge(spawners, trial, spawner, status) :
		    attempt_judge(spawners, trial, spawner, status);
	if (waitpid(spawner->pid, &status, WNOHANG) == spawner->pid)
		return trial_ended(spawners, trial, spawner, status);
	if (is_over(spawner, now))
		return trial_fail(spawners, trial, EXIT_SYSTEM,
		    "trial client: not served in %d s",
		    SPAWNER_TRIAL_MS / 1000);
	return TRIAL_RUNNING;
}

void
trial_abandon(struct spawners *spawners, struct trial *trial)
{
	if (trial->index != -1)
		spawners_end(spawners, &spawners->list[trial->index]);
}
