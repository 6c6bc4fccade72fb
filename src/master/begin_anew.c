/* Beginning anew to go on for another program. */
#include "config.h"

#include "master/begin_anew.h"

#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/resume_env.h"
#include "master/resume_fds.h"
#include "master/system/executable.h"
#include "master/system/log.h"
#include "master/system/pack.h"
#include "master/system/privileges.h"

/* Tries; with their pauses they take about four seconds. */
#define TRIES_MAX 9
#define PAUSE_FIRST_MS 10
#define PAUSE_LONGEST_MS 999

extern char **environ;

static struct {
	char **argv; /* NULL: nothing is done */
	struct resume_env env;
	const struct unpack *state;
	sigset_t noted; /* signals */
	bool stops; /* one of them */
} anew;

static void
pause_for(int64_t tries)
{
	long ms = PAUSE_FIRST_MS << tries;
	struct timespec pause = { 0,
		(ms < PAUSE_LONGEST_MS ? ms : PAUSE_LONGEST_MS) * 1000000 };

	nanosleep(&pause, NULL);
}

/* They are blocked: they are pending then. */
static void
raise_noted(void)
{
	int number;

	for (number = 1; number < SIGRTMIN; number++)
		if (sigismember(&anew.noted, number) == 1)
			kill(getpid(), number);
}

/* Returns when the process is to end. */
static void
begin(int status)
{
	int fd;

	(void)status;
	if (anew.env.tries >= TRIES_MAX)
		return;
	log_line(LOG_WARNING, "upgrade: trying again in a moment");
	log_close();
	pause_for(anew.env.tries++);
	raise_noted();
	resume_fds_pass(anew.state, anew.env.state);
	resume_env_set(&anew.env);
	privileges_pass(true);
	fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd == -1) /* there is no /proc */
		fd = open(executable_self(), O_RDONLY | O_CLOEXEC);
	syscall(SYS_execveat, fd, "", anew.argv, environ, AT_EMPTY_PATH);
	log_line(LOG_ERR, "upgrade: execveat: %s", strerror(errno));
}

void
begin_anew_at_fatal(char **argv, const struct resume_env *env,
    const struct unpack *state)
{
	anew.argv = argv;
	anew.env = *env;
	anew.state = state;
	sigemptyset(&anew.noted);
	log_on_fatal(begin);
}

void
begin_anew_no_more(void)
{
	if (anew.argv == NULL)
		return;
	anew.argv = NULL;
	close(anew.env.kept);
	log_on_fatal(NULL);
}

void
begin_anew_note(int signal)
{
	if (anew.argv != NULL)
		sigaddset(&anew.noted, signal);
}

bool
begin_anew_defers(int signal)
{
	if (anew.argv == NULL)
		return false;
	if (anew.stops) { /* it is serious */
		log_on_fatal(NULL);
		return false;
	}
	anew.stops = true;
	begin_anew_note(signal);
	return true;
}
