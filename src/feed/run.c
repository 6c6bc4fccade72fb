/* One run of COMMAND. */
#include "config.h"

#include "feed/run.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "feed/events.h"
#include "feed/leftovers.h"
#include "feed/sink.h"
#include "shared/deadline.h"

/* What the command can write to; through the last one a child that cannot
 * execute it says why, and its end is closed by the execution. */
enum { OUTPUT, ERRORS, FAILURE, SINKS };

enum stage { RUNNING, TERMINATED, KILLED, GIVEN_UP };

struct run {
	pid_t pid;
	struct sink sinks[SINKS];
	int failure; /* errno, written by the child */
	enum stage stage;
	int64_t deadline; /* of the stage */
};

/* One that KILL did not end, 0: none. */
static pid_t stuck;

static void
signals_default(void)
{
	sigset_t none;
	int number;

	for (number = 1; number < NSIG; number++)
		signal(number, SIG_DFL); /* fails for KILL and STOP */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void __attribute__((noreturn))
child(char *const *command, const int ends[SINKS], pid_t parent)
{
	int error, null = open("/dev/null", O_RDONLY);

	/* The command does not outlive a feed that is killed. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() == parent && null != -1 &&
	    dup2(null, STDIN_FILENO) != -1 &&
	    dup2(ends[OUTPUT], STDOUT_FILENO) != -1 &&
	    dup2(ends[ERRORS], STDERR_FILENO) != -1) {
		close(null);
		signals_default();
		execvp(command[0], command);
	}
	error = errno;
	(void)!write(ends[FAILURE], &error, sizeof(error));
	_exit(127);
}

static int
sinks_open(struct run *run, struct run_result *result, int ends[SINKS])
{
	const struct sink sinks[SINKS] = {
		[OUTPUT] = { result->output, sizeof(result->output), 0, -1 },
		[ERRORS] = { result->errors, sizeof(result->errors), 0, -1 },
		[FAILURE] = { (char *)&run->failure, sizeof(run->failure), 0,
		    -1 },
	};

	memcpy(run->sinks, sinks, sizeof(sinks));
	for (size_t i = 0; i < SINKS; i++)
		if (sink_open(&run->sinks[i], &ends[i]) == -1)
			return -1;
	return 0;
}

/* Returns -1 with errno when there is no process. */
static int
start(struct run *run, struct run_result *result, char *const *command)
{
	int ends[SINKS] = { -1, -1, -1 }, error;
	pid_t parent = getpid();

	run->pid = -1;
	if (sinks_open(run, result, ends) == 0)
		run->pid = fork();
	error = errno;
	if (run->pid == 0)
		child(command, ends, parent);
	for (size_t i = 0; i < SINKS; i++)
		if (ends[i] != -1)
			close(ends[i]);
	errno = error;
	if (run->pid == -1)
		return -1;
	setpgid(run->pid, run->pid); /* whoever is first */
	return 0;
}

static void
advance(struct run *run)
{
	run->stage++;
	run->deadline = deadline_after(RUN_GRACE_MS);
	if (run->stage == TERMINATED)
		kill(-run->pid, SIGTERM);
	else if (run->stage == KILLED)
		kill(-run->pid, SIGKILL);
}

/* Why the command was ended is what made that begin. */
static void
hurry(struct run *run, struct run_result *result)
{
	unsigned stops = events_stops();

	if (stops > 0 && run->stage == RUNNING)
		result->end = RUN_STOPPED;
	else if (deadline_left(run->deadline) > 0 &&
	    !(stops > 1 && run->stage == TERMINATED))
		return;
	else if (run->stage == RUNNING)
		result->end = RUN_TIMED_OUT;
	advance(run);
}

/* Until the command has ended, which is not reaped yet, or is given up. */
static void
watch(struct run *run, struct run_result *result)
{
	int fds[SINKS];
	size_t i;

	while (!leftovers_reap(run->pid)) {
		hurry(run, result);
		if (run->stage == GIVEN_UP)
			return;
		for (i = 0; i < SINKS; i++)
			fds[i] = run->sinks[i].fd;
		events_wait(fds, SINKS, run->deadline);
		for (i = 0; i < SINKS; i++)
			sink_read(&run->sinks[i]);
	}
}

/* Its number is its own until it is reaped: so is its group's. */
static void
finish(struct run *run, struct run_result *result)
{
	int status = 0;

	kill(-run->pid, SIGKILL);
	waitpid(run->pid, &status, 0);
	leftovers_kill();
	for (size_t i = 0; i < SINKS; i++)
		sink_close(&run->sinks[i]);
	result->output_length = run->sinks[OUTPUT].length;
	result->errors_length = run->sinks[ERRORS].length;
	if (result->end != RUN_EXITED)
		return;
	result->code = WEXITSTATUS(status);
	if (run->sinks[FAILURE].length == sizeof(run->failure)) {
		result->end = RUN_NOT_STARTED;
		result->code = run->failure;
	} else if (WIFSIGNALED(status)) {
		result->end = RUN_SIGNALLED;
		result->code = WTERMSIG(status);
	}
}

/* What it has written until now is not looked at. */
static void
give_up(struct run *run, struct run_result *result)
{
	for (size_t i = 0; i < SINKS; i++)
		sink_close(&run->sinks[i]);
	stuck = run->pid;
	result->end = RUN_STUCK;
}

/* Has an earlier one gone by now? */
static bool
is_free(void)
{
	if (stuck != 0 && leftovers_reap(stuck)) {
		kill(-stuck, SIGKILL);
		waitpid(stuck, NULL, 0);
		leftovers_kill();
		stuck = 0;
	}
	return stuck == 0;
}

void
run_command(char *const *command, int64_t limit_ms, struct run_result *result)
{
	struct run run = { .deadline = deadline_after(limit_ms) };

	result->end = RUN_EXITED;
	result->code = 0;
	result->limit_ms = limit_ms;
	result->output_length = result->errors_length = 0;
	if (!is_free()) {
		result->end = RUN_STUCK;
		return;
	}
	if (start(&run, result, command) == -1) {
		result->end = RUN_NOT_STARTED;
		result->code = errno;
		for (size_t i = 0; i < SINKS; i++)
			sink_close(&run.sinks[i]);
		return;
	}
	watch(&run, result);
	if (run.stage == GIVEN_UP)
		give_up(&run, result);
	else
		finish(&run, result);
}
