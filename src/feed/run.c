/* One run of COMMAND. */
#include "config.h"

#include "feed/run.h"

#include <sys/prctl.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <unistd.h>

#include "feed/events.h"
#include "feed/leftovers.h"
#include "shared/deadline.h"

#define PIECE 65536 /* bytes that a pipe holds, pipe(7) */
#define PIECES_MAX 16 /* for a turn: there is more to wait for */

/* What the command can write to; through the last one a child that cannot
 * execute it says why, and its end is closed by the execution. */
enum { OUTPUT, ERRORS, FAILURE, SINKS };

enum stage { RUNNING, TERMINATED, KILLED, GIVEN_UP };

/* A pipe, and a buffer for the beginning of what comes; what it has no room for
 * is thrown away. */
struct sink {
	char *bytes;
	size_t size, length;
	int fd; /* -1: closed, or nobody can write any more */
};

struct run {
	pid_t pid;
	struct sink sinks[SINKS];
	int failure; /* errno, written by the child */
	enum stage stage;
	int64_t deadline; /* of the stage */
};

/* One that KILL did not end, 0: none. */
static pid_t stuck;

/* Opens a pipe, whose *end is for the writer.  Returns 0, or -1 with errno. */
static int
sink_open(struct sink *sink, int *end)
{
	int fds[2];

	sink->fd = *end = -1;
	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	/* Of this end only: a program may not expect it of its own. */
	if (fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1) {
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	sink->fd = fds[0];
	*end = fds[1];
	return 0;
}

/* Reads what there is, at most as much as a few pipes hold. */
static void
sink_read(struct sink *sink)
{
	static char waste[PIECE];
	ssize_t n = 1;
	size_t room;

	for (int i = 0; sink->fd != -1 && n > 0 && i < PIECES_MAX; i++) {
		room = sink->size - sink->length;
		if (room > 0)
			n = read(sink->fd, sink->bytes + sink->length, room);
		else
			n = read(sink->fd, waste, sizeof(waste));
		if (n > 0 && room > 0)
			sink->length += (size_t)n;
		if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR)) {
			close(sink->fd);
			sink->fd = -1;
		}
	}
}

/* A writer that is still there gets SIGPIPE. */
static void
sink_close(struct sink *sink)
{
	sink_read(sink);
	if (sink->fd != -1)
		close(sink->fd);
	sink->fd = -1;
}

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

/* Returns -1 with errno when there is no process. */
static int
start(struct run *run, char *const *command)
{
	int ends[SINKS] = { -1, -1, -1 }, error;
	pid_t parent = getpid();
	size_t i = 0;

	while (i < SINKS && sink_open(&run->sinks[i], &ends[i]) == 0)
		i++;
	run->pid = i < SINKS ? -1 : fork();
	error = errno;
	if (run->pid == 0)
		child(command, ends, parent);
	for (i = 0; i < SINKS; i++)
		if (ends[i] != -1)
			close(ends[i]);
	errno = error;
	if (run->pid == -1)
		return -1;
	setpgid(run->pid, run->pid); /* whoever is first */
	return 0;
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
	run->stage++;
	run->deadline = deadline_after(RUN_GRACE_MS);
	kill(-run->pid, run->stage == TERMINATED ? SIGTERM : SIGKILL);
}

/* Returns true when the command has ended, which is not reaped yet, or false
 * when it is given up. */
static bool
watch(struct run *run, struct run_result *result)
{
	int fds[SINKS];
	size_t i;

	while (!leftovers_reap(run->pid)) {
		hurry(run, result);
		if (run->stage == GIVEN_UP) {
			stuck = run->pid;
			result->end = RUN_STUCK;
			return false;
		}
		for (i = 0; i < SINKS; i++)
			fds[i] = run->sinks[i].fd;
		events_wait(fds, SINKS, run->deadline);
		for (i = 0; i < SINKS; i++)
			sink_read(&run->sinks[i]);
	}
	return true;
}

/* Its number is its own until it is reaped: so is its group's.  Returns how it
 * ended, as of waitpid(2). */
static int
clear_away(pid_t pid)
{
	int status = 0;

	kill(-pid, SIGKILL);
	waitpid(pid, &status, 0);
	leftovers_kill();
	return status;
}

/* What it has come to, and what it has written. */
static void
conclude(const struct run *run, int status, struct run_result *result)
{
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

/* Has an earlier one gone by now? */
static bool
is_free(void)
{
	if (stuck != 0 && leftovers_reap(stuck)) {
		clear_away(stuck);
		stuck = 0;
	}
	return stuck == 0;
}

void
run_command(char *const *command, int64_t limit_ms, struct run_result *result)
{
	struct run run = {
		.sinks = {
			[OUTPUT] = { .bytes = result->output,
			    .size = sizeof(result->output), .fd = -1 },
			[ERRORS] = { .bytes = result->errors,
			    .size = sizeof(result->errors), .fd = -1 },
			[FAILURE] = { .bytes = (char *)&run.failure,
			    .size = sizeof(run.failure), .fd = -1 },
		},
		.deadline = deadline_after(limit_ms),
	};
	bool ended = false;
	int status = 0;

	result->end = RUN_EXITED;
	result->code = 0;
	result->limit_ms = limit_ms;
	result->output_length = result->errors_length = 0;
	if (!is_free()) {
		result->end = RUN_STUCK;
		return;
	}
	if (start(&run, command) == 0) {
		ended = watch(&run, result);
	} else {
		result->end = RUN_NOT_STARTED;
		result->code = errno;
	}
	if (ended)
		status = clear_away(run.pid);
	for (size_t i = 0; i < SINKS; i++)
		sink_close(&run.sinks[i]);
	if (ended)
		conclude(&run, status, result);
}
