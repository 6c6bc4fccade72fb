/* One text of a configuration on its way through a forkgreet-reader of its
 * own. */
#include "config.h"

#include "master/config/parsing.h"

#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/entries.h"
#include "master/config/reader.h"
#include "master/system/child.h"
#include "master/system/report.h"

/* Exit status of ld.so(8) when it cannot have what it needs. */
#define LOADER_FAILED 127

#define FIRST_ROOM ((size_t)1 << 16)

/* --------------------------------------------------------------- start */

static int
watch(const struct parsing *parsing, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(parsing->poll, EPOLL_CTL_ADD, fd, &event);
}

static int
start_watching(struct parsing *parsing)
{
	if (fcntl(parsing->pipe, F_SETFL, O_NONBLOCK) == -1)
		return -1;
	parsing->pidfd = pidfd_open(parsing->child, 0);
	if (parsing->pidfd == -1 || watch(parsing, parsing->pipe) == -1)
		return -1;
	return watch(parsing, parsing->pidfd);
}

int
parsing_begin(struct parsing *parsing, int reader, const char *text,
    size_t length, struct report *report)
{
	const char *why;

	parsing->child =
	    reader_start(reader, text, length, &parsing->pipe, &why);
	if (parsing->child != -1)
		why = start_watching(parsing) == -1 ? "watching it" : NULL;
	if (why == NULL)
		return 0;
	report_failure(report, EXIT_SYSTEM,
	    "%s: starting the reader: %s: %s", parsing->path, why,
	    strerror(errno));
	return -1;
}

/* ------------------------------------------------------------ going on */

void
parsing_kill(struct parsing *parsing, const char *why)
{
	if (parsing->child == -1 || parsing->killed != NULL)
		return;
	parsing->killed = why;
	child_signal(parsing->child, SIGKILL);
}

/* Room for more, up to one byte too many. */
static int
make_room(struct parsing *parsing)
{
	size_t room = parsing->room == 0 ? FIRST_ROOM : parsing->room * 2;
	char *bytes;

	if (parsing->length < parsing->room)
		return 0;
	if (room > parsing->most + 1)
		room = parsing->most + 1;
	bytes = realloc(parsing->bytes, room);
	if (bytes == NULL)
		return -1;
	parsing->bytes = bytes;
	parsing->room = room;
	return 0;
}

/* Takes what is in the pipe; at its end it is watched no more. */
static void
read_pipe(struct parsing *parsing)
{
	ssize_t n = 1;

	while (n > 0 && parsing->length <= parsing->most) {
		n = make_room(parsing);
		if (n == 0)
			n = read(parsing->pipe,
			    parsing->bytes + parsing->length,
			    parsing->room - parsing->length);
		if (n > 0)
			parsing->length += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 1;
	}
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == -1) {
		parsing->error = errno;
		parsing_kill(parsing, "cannot be heard");
	}
	/* No error when it has been taken out already. */
	epoll_ctl(parsing->poll, EPOLL_CTL_DEL, parsing->pipe, NULL);
	if (n > 0)
		parsing_kill(parsing, "sent more than it may");
}

static void
report_death(const struct parsing *parsing, int status, struct report *report)
{
	const char *path = parsing->path;
	int signal;

	if (parsing->error != 0)
		report_failure(report, EXIT_SYSTEM,
		    "%s: reading from the reader: %s", path,
		    strerror(parsing->error));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == LOADER_FAILED)
		report_failure(report, EXIT_SYSTEM,
		    "%s: the reader's libraries cannot be loaded", path);
	else if (WIFEXITED(status))
		report_error(report, "%s: the reader gave up (exit status %d)",
		    path, WEXITSTATUS(status));
	else if (parsing->killed != NULL)
		report_error(
		    report, "%s: the reader %s", path, parsing->killed);
	else if ((signal = WTERMSIG(status)) == SIGALRM || signal == SIGXCPU)
		report_error(report, "%s: the reader took longer than %d s",
		    path, READER_SECONDS);
	else if (signal == SIGSYS)
		report_error(report,
		    "%s: the reader was killed by its sandbox (SIGSYS): it "
		    "tried a system call that parsing does not need",
		    path);
	else /* the kernel, out of memory, kills */
		report_failure(report,
		    signal == SIGKILL ? EXIT_SYSTEM : EXIT_CONFIG,
		    "%s: the reader died of signal %d (%s)", path, signal,
		    strsignal(signal));
}

/* It has not begun to read, and has said why. */
static void
report_failed(const struct parsing *parsing, int code, struct report *report)
{
	struct entries entries;

	entries_parse(&entries, parsing->bytes, parsing->length,
	    parsing->path, report);
	entries_free(&entries);
	if (report->errors == 0)
		report_error(report, "%s: the reader gave up (exit status %d)",
		    parsing->path, code);
	report->cause = code == READER_UNCONFINED ? EXIT_PRIVILEGE
						  : EXIT_SYSTEM;
}

/* The reader has ended: what it said counts if it ended well. */
static int
judge(const struct parsing *parsing, int status, struct entries *entries,
    struct report *report)
{
	int code = WIFEXITED(status) && parsing->error == 0
	    ? WEXITSTATUS(status) : -1;

	if (code == READER_UNCONFINED || code == READER_UNABLE)
		report_failed(parsing, code, report);
	else if (code != EXIT_SUCCESS)
		report_death(parsing, status, report);
	else
		return entries_parse(entries, parsing->bytes, parsing->length,
		    parsing->path, report);
	return -1;
}

enum parsing_progress
parsing_continue(
    struct parsing *parsing, struct entries *entries, struct report *report)
{
	pid_t ended;
	int status, error;

	if (parsing->child == -1)
		return PARSING_FAILED;
	do
		ended = waitpid(parsing->child, &status, WNOHANG);
	while (ended == -1 && errno == EINTR);
	error = errno;
	/* What a dead reader has said is in the pipe. */
	read_pipe(parsing);
	if (ended == 0)
		return PARSING_MORE;
	parsing->child = -1;
	if (ended != -1)
		return judge(parsing, status, entries, report) == 0
		    ? PARSING_DONE : PARSING_FAILED;
	report_failure(report, EXIT_SYSTEM,
	    "%s: the reader's end is not known: %s", parsing->path,
	    strerror(error));
	return PARSING_FAILED;
}

char *
parsing_end(struct parsing *parsing, size_t *length)
{
	char *bytes = parsing->bytes;

	parsing_kill(parsing, "is not needed");
	while (parsing->child != -1 &&
	    waitpid(parsing->child, NULL, 0) == -1 && errno == EINTR)
		continue;
	if (parsing->pipe != -1)
		close(parsing->pipe);
	if (parsing->pidfd != -1)
		close(parsing->pidfd);
	*length = parsing->length;
	*parsing = PARSING_NONE;
	return bytes;
}
