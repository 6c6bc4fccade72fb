/* Going to the background. */
#include "config.h"

#include "master/system/daemonize.h"

#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "master/system/log.h"
#include "master/system/log_stderr.h"

static int status_pipe = -1;
static bool has_stderr = true;
static int null = -1; /* /dev/null, for when the daemon serves */

/* Tells the waiting process the status that fatal() ends with. */
static void
tell(int status)
{
	unsigned char byte = (unsigned char)status;

	if (status_pipe != -1 && write(status_pipe, &byte, 1) != 1)
		return;
}

/* The process that was started: exits with the status that the daemon
 * reports. */
_Noreturn static void
wait_for_daemon(int fd)
{
	unsigned char status;
	ssize_t n;

	do
		n = read(fd, &status, 1);
	while (n == -1 && errno == EINTR);
	if (n != 1) {
		log_line(LOG_ERR, "start: the daemon died before it served");
		status = EXIT_SYSTEM;
	}
	_exit(status);
}

void
daemonize_start(void)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		fatal(EXIT_SYSTEM, "pipe: %s", strerror(errno));
	switch (fork()) {
	case -1:
		fatal(EXIT_SYSTEM, "fork: %s", strerror(errno));
	case 0:
		break;
	default:
		close(ends[1]);
		wait_for_daemon(ends[0]);
	}
	close(ends[0]);
	status_pipe = ends[1];
	log_on_fatal(tell);
	if (setsid() == -1)
		fatal(EXIT_SYSTEM, "setsid: %s", strerror(errno));
	/* Not a session leader, so no terminal can become ours. */
	switch (fork()) {
	case -1:
		fatal(EXIT_SYSTEM, "fork: %s", strerror(errno));
	case 0:
		return;
	default:
		_exit(0);
	}
}

void
daemonize_leave(void)
{
	if (chdir("/") == -1)
		fatal(EXIT_SYSTEM, "chdir /: %s", strerror(errno));
	null = open("/dev/null", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (null == -1)
		fatal(EXIT_SYSTEM, "/dev/null: %s", strerror(errno));
}

void
daemonize_ready(bool keep_stderr)
{
	log_on_fatal(NULL);
	dup2(null, STDIN_FILENO);
	if (status_pipe != -1)
		dup2(null, STDOUT_FILENO);
	if (status_pipe != -1 && !keep_stderr)
		has_stderr = dup2(null, STDERR_FILENO) == -1;
	close(null);
	null = -1;
	log_stderr_open();
	if (status_pipe == -1)
		return;
	tell(0);
	close(status_pipe);
	status_pipe = -1;
}

void
daemonize_resume(bool had_stderr)
{
	has_stderr = had_stderr;
}

bool
daemonize_has_stderr(void)
{
	return has_stderr;
}
