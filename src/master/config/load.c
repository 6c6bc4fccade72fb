/* Loading the configuration by way of forkgreet-reader. */
#include "config.h"

#include "master/config/load.h"

#include <sys/epoll.h>
#include <sys/pidfd.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/conf.h"
#include "master/config/entries.h"
#include "master/config/reader.h"
#include "master/config/resources.h"
#include "master/config/settings.h"
#include "master/system/child.h"
#include "master/system/file.h"
#include "master/system/privileges.h"
#include "master/system/report.h"

/* The reader's own timer is first. */
#define DEADLINE_SECONDS (READER_SECONDS + 1)

/* Exit status of ld.so(8) when it cannot have what it needs. */
#define LOADER_FAILED 127

#define FIRST_ROOM ((size_t)1 << 16)

struct load {
	char *path;
	bool as_root;
	pid_t child; /* -1: reaped */
	int pipe; /* what the reader says */
	int pidfd; /* readable when it has ended */
	int timer; /* readable when it has had its time */
	int poll; /* epoll(7) of these three: what the caller waits for */
	const char *killed; /* by us, and why */
	int error; /* errno of what failed here, and made us kill it; or 0 */
	char *bytes; /* what it has said, with room for so many */
	size_t length, room;
};

/* --------------------------------------------------------------- start */

static int
watch(const struct load *load, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(load->poll, EPOLL_CTL_ADD, fd, &event);
}

static int
start_watching(struct load *load)
{
	struct itimerspec deadline = { .it_value.tv_sec = DEADLINE_SECONDS };

	if (fcntl(load->pipe, F_SETFL, O_NONBLOCK) == -1)
		return -1;
	load->pidfd = pidfd_open(load->child, 0);
	load->timer =
	    timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	load->poll = epoll_create1(EPOLL_CLOEXEC);
	if (load->pidfd == -1 || load->timer == -1 || load->poll == -1)
		return -1;
	if (timerfd_settime(load->timer, 0, &deadline, NULL) == -1)
		return -1;
	if (watch(load, load->pipe) == -1 || watch(load, load->pidfd) == -1 ||
	    watch(load, load->timer) == -1)
		return -1;
	return 0;
}

static struct load *
new_load(const char *path, bool as_root)
{
	struct load *load = calloc(1, sizeof(*load));

	if (load == NULL)
		return NULL;
	load->child = load->pipe = load->pidfd = -1;
	load->timer = load->poll = -1;
	load->as_root = as_root;
	load->path = strdup(path);
	if (load->path == NULL) {
		load_end(load);
		errno = ENOMEM;
		return NULL;
	}
	return load;
}

struct load *
load_start(int reader, const char *path, bool as_root, struct report *report)
{
	struct load *load = new_load(path, as_root);
	const char *why = NULL;
	char *text;
	size_t length;

	if (load == NULL) {
		report_failure(report, EXIT_SYSTEM, "%s: %s", path,
		    strerror(errno));
		return NULL;
	}
	/* Root reads it again as whom it will become. */
	if (file_read(path, CONF_FILE_MAX,
		privileges_are_root() ? FILE_OF_ANYBODY : FILE_OF_ROOT_OR_US,
		&text, &length, &why) == -1) {
		report_failure(report, cause_of(errno, EXIT_CONFIG), "%s: %s",
		    path, why);
		load_end(load);
		return NULL;
	}
	load->child = reader_start(reader, text, length, &load->pipe, &why);
	if (load->child != -1)
		why = start_watching(load) == -1 ? "watching it" : NULL;
	if (why != NULL) {
		report_failure(report, EXIT_SYSTEM,
		    "%s: starting the reader: %s: %s", path, why,
		    strerror(errno));
		load_end(load);
		load = NULL;
	}
	explicit_bzero(text, length);
	free(text);
	return load;
}

int
load_fd(const struct load *load)
{
	return load->poll;
}

pid_t
load_child(const struct load *load)
{
	return load->child;
}

/* ------------------------------------------------------------ going on */

static void
kill_child(struct load *load, const char *why)
{
	if (load->child == -1 || load->killed != NULL)
		return;
	load->killed = why;
	child_signal(load->child, SIGKILL);
}

/* Room for more, up to one byte too many. */
static int
make_room(struct load *load)
{
	size_t room = load->room == 0 ? FIRST_ROOM : load->room * 2;
	char *bytes;

	if (load->length < load->room)
		return 0;
	if (room > ENTRIES_BYTES_MAX + 1)
		room = ENTRIES_BYTES_MAX + 1;
	bytes = realloc(load->bytes, room);
	if (bytes == NULL)
		return -1;
	load->bytes = bytes;
	load->room = room;
	return 0;
}

/* Takes what is in the pipe; at its end it is watched no more. */
static void
read_pipe(struct load *load)
{
	ssize_t n = 1;

	while (n > 0 && load->length <= ENTRIES_BYTES_MAX) {
		n = make_room(load);
		if (n == 0)
			n = read(load->pipe, load->bytes + load->length,
			    load->room - load->length);
		if (n > 0)
			load->length += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 1;
	}
	if (n == -1 && errno == EAGAIN)
		return;
	if (n == -1) {
		load->error = errno;
		kill_child(load, "cannot be heard");
	}
	/* No error when it has been taken out already. */
	epoll_ctl(load->poll, EPOLL_CTL_DEL, load->pipe, NULL);
	if (n > 0)
		kill_child(load, "sent more than it may");
}

static void
check_deadline(struct load *load)
{
	uint64_t expirations;

	if (read(load->timer, &expirations, sizeof(expirations)) > 0)
		kill_child(load, "outlived its timer");
}

static void
report_death(const struct load *load, int status, struct report *report)
{
	const char *path = load->path;
	int signal;

	if (load->error != 0)
		report_failure(report, EXIT_SYSTEM,
		    "%s: reading from the reader: %s", path,
		    strerror(load->error));
	else if (WIFEXITED(status) && WEXITSTATUS(status) == LOADER_FAILED)
		report_failure(report, EXIT_SYSTEM,
		    "%s: the reader's libraries cannot be loaded", path);
	else if (WIFEXITED(status))
		report_error(report, "%s: the reader gave up (exit status %d)",
		    path, WEXITSTATUS(status));
	else if (load->killed != NULL)
		report_error(report, "%s: the reader %s", path, load->killed);
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
report_failed(const struct load *load, int code, struct report *report)
{
	struct entries entries;

	entries_parse(&entries, load->bytes, load->length, load->path, report);
	entries_free(&entries);
	if (report->errors == 0)
		report_error(report, "%s: the reader gave up (exit status %d)",
		    load->path, code);
	report->cause = code == READER_UNCONFINED ? EXIT_PRIVILEGE
						  : EXIT_SYSTEM;
}

/* The reader has ended: what it said counts if it ended well. */
static void
judge(const struct load *load, int status, struct conf **conf,
    struct report *report)
{
	int code = WIFEXITED(status) && load->error == 0 ? WEXITSTATUS(status)
							 : -1;

	if (code == READER_UNCONFINED || code == READER_UNABLE) {
		report_failed(load, code, report);
		return;
	}
	if (code != EXIT_SUCCESS) {
		report_death(load, status, report);
		return;
	}
	*conf = settings_make(
	    load->bytes, load->length, load->path, load->as_root, report);
	if (*conf != NULL)
		resources_check_backlogs(
		    *conf, RESOURCES_SOMAXCONN, load->path, report);
}

enum load_progress
load_continue(struct load *load, struct conf **conf, struct report *report)
{
	pid_t ended;
	int status;

	*conf = NULL;
	if (load->child == -1)
		return LOAD_FAILED;
	check_deadline(load);
	do
		ended = waitpid(load->child, &status, WNOHANG);
	while (ended == -1 && errno == EINTR);
	/* What a dead reader has said is in the pipe. */
	read_pipe(load);
	if (ended == 0)
		return LOAD_MORE;
	load->child = -1;
	if (ended == -1)
		report_failure(report, EXIT_SYSTEM,
		    "%s: the reader's end is not known: %s", load->path,
		    strerror(errno));
	else
		judge(load, status, conf, report);
	return *conf != NULL ? LOAD_DONE : LOAD_FAILED;
}

void
load_end(struct load *load)
{
	int *fds[] = { &load->pipe, &load->pidfd, &load->timer, &load->poll };
	size_t i;

	kill_child(load, "is not needed");
	while (load->child != -1 && waitpid(load->child, NULL, 0) == -1 &&
	    errno == EINTR)
		continue;
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (*fds[i] != -1)
			close(*fds[i]);
	if (load->bytes != NULL)
		explicit_bzero(load->bytes, load->length);
	free(load->bytes);
	free(load->path);
	free(load);
}

struct conf *
load_wait(int reader, const char *path, bool as_root, struct report *report)
{
	struct load *load = load_start(reader, path, as_root, report);
	enum load_progress progress = LOAD_MORE;
	struct conf *conf = NULL;
	struct pollfd ready;

	if (load == NULL)
		return NULL;
	ready = (struct pollfd){ load_fd(load), POLLIN, 0 };
	while (progress == LOAD_MORE) {
		if (poll(&ready, 1, -1) == -1 && errno != EINTR) {
			report_failure(report, EXIT_SYSTEM, "%s: poll: %s",
			    path, strerror(errno));
			break;
		}
		progress = load_continue(load, &conf, report);
	}
	load_end(load);
	return conf;
}
