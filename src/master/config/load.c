/* Loading the configuration by way of a throw-away child. */
#include "config.h"

#include "master/config/conf.h"

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

#include "master/system/child.h"
#include "reader/cage.h"
#include "master/system/file.h"
#include "master/system/oom.h"
#include "master/system/privileges.h"
#include "master/config/frame.h"
#include "reader/parse.h"
#include "master/config/report.h"
#include "master/config/somaxconn.h"

/* The child's own timer is first. */
#define DEADLINE_SECONDS (CONF_PARSE_SECONDS + 1)

struct conf_load {
	char *path;
	pid_t child; /* -1: reaped */
	int pipe; /* what the child says */
	int pidfd; /* readable when it has ended */
	int timer; /* readable when it has had its time */
	int poll; /* epoll(7) of these three: what the caller waits for */
	const char *killed; /* by us, and why */
	char *bytes; /* the frame; frame_max() + 1 bytes */
	size_t length;
};

/* What the child is to do. */
struct task {
	const char *path;
	const char *text;
	size_t length;
	bool as_root;
	pid_t parent;
	int fd; /* its end of the pipe */
};

/* The child.  What it has of the master's ends with it. */
static _Noreturn void
parse_and_exit(const struct task *task)
{
	struct report report = { 0 };
	struct conf *conf = NULL;
	enum exit_status cause = 0; /* of a child that has parsed nothing */
	const char *step;
	bool good, told;

	if (dup2(task->fd, CONFINE_FD) == -1)
		_exit(EXIT_FAILURE);
	step = confine_enter(task->parent, CONF_PARSE_SECONDS);
	if (step != NULL)
		cause = cause_of(errno, EXIT_PRIVILEGE);
	if (step != NULL)
		report_error(&report, "%s: confining the parser: %s: %s",
		    task->path, step,
		    errno == 0 ? "not in effect" : strerror(errno));
	else
		conf = calloc(1, sizeof(*conf) + CONF_TEXT_MAX);
	if (step == NULL && conf == NULL) {
		cause = EXIT_SYSTEM;
		report_error(&report, "%s: out of memory", task->path);
	}
	good = conf != NULL &&
	    parse_text(task->text, task->length, task->path, task->as_root,
		conf, &report) == 0;
	told = frame_write(CONFINE_FD, good ? conf : NULL, &report) == 0;
	free(conf);
	if (!told)
		_exit(EXIT_FAILURE);
	_exit((int)cause);
}

static int
start_child(struct conf_load *load, struct task *task)
{
	int ends[2], saved;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	load->pipe = ends[0];
	task->fd = ends[1];
	task->parent = getpid();
	oom_expose(true);
	load->child = fork();
	if (load->child == 0)
		parse_and_exit(task);
	saved = errno;
	oom_expose(false);
	close(ends[1]);
	errno = saved;
	return load->child == -1 ? -1 : 0;
}

static int
watch(const struct conf_load *load, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(load->poll, EPOLL_CTL_ADD, fd, &event);
}

static int
start_watching(struct conf_load *load)
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

static struct conf_load *
new_load(const char *path)
{
	struct conf_load *load = calloc(1, sizeof(*load));

	if (load == NULL)
		return NULL;
	load->child = load->pipe = load->pidfd = -1;
	load->timer = load->poll = -1;
	load->path = strdup(path);
	load->bytes = malloc(frame_max() + 1);
	if (load->path == NULL || load->bytes == NULL) {
		conf_load_end(load);
		errno = ENOMEM;
		return NULL;
	}
	return load;
}

/* libconfig 1.5 wants a newline behind a comment in the last line too. */
static int
read_text(const char *path, char **text, size_t *length, const char **why)
{
	char *longer;

	/* Root reads it again as whom it will become. */
	if (file_read(path, CONF_FILE_MAX,
		privileges_are_root() ? FILE_OF_ANYBODY : FILE_OF_ROOT_OR_US,
		text, length, why) == -1)
		return -1;
	longer = realloc(*text, *length + 2);
	if (longer == NULL) {
		*why = strerror(ENOMEM);
		free(*text);
		errno = ENOMEM;
		return -1;
	}
	memcpy(longer + *length, "\n", 2);
	*text = longer;
	*length += 1;
	return 0;
}

struct conf_load *
conf_load_start(const char *path, bool as_root, struct report *report)
{
	struct conf_load *load = new_load(path);
	struct task task = { .path = path, .as_root = as_root, .fd = -1 };
	const char *why;
	char *text;

	if (load == NULL) {
		report_failure(report, EXIT_SYSTEM, "%s: %s", path,
		    strerror(errno));
		return NULL;
	}
	if (read_text(path, &text, &task.length, &why) == -1) {
		report_failure(report, cause_of(errno, EXIT_CONFIG), "%s: %s",
		    path, why);
		conf_load_end(load);
		return NULL;
	}
	task.text = text;
	if (start_child(load, &task) == -1 || start_watching(load) == -1) {
		report_failure(report, EXIT_SYSTEM,
		    "%s: starting the parser: %s", path, strerror(errno));
		conf_load_end(load);
		load = NULL;
	}
	explicit_bzero(text, task.length);
	free(text);
	return load;
}

int
conf_load_fd(const struct conf_load *load)
{
	return load->poll;
}

pid_t
conf_load_child(const struct conf_load *load)
{
	return load->child;
}

static void
kill_child(struct conf_load *load, const char *why)
{
	if (load->child == -1 || load->killed != NULL)
		return;
	load->killed = why;
	child_signal(load->child, SIGKILL);
}

/* Takes what is in the pipe; at its end it is watched no more. */
static void
read_pipe(struct conf_load *load)
{
	size_t room = frame_max() + 1 - load->length;
	ssize_t n;

	do {
		n = read(load->pipe, load->bytes + load->length, room);
		if (n > 0) {
			load->length += (size_t)n;
			room -= (size_t)n;
		}
	} while (room > 0 && (n > 0 || (n == -1 && errno == EINTR)));
	if (n == -1 && errno == EAGAIN)
		return;
	/* No error when it has been taken out already. */
	epoll_ctl(load->poll, EPOLL_CTL_DEL, load->pipe, NULL);
	if (room == 0)
		kill_child(load, "said more than it may");
}

static void
check_deadline(struct conf_load *load)
{
	uint64_t expirations;

	if (read(load->timer, &expirations, sizeof(expirations)) > 0)
		kill_child(load, "did not end by its timer");
}

static void
report_death(const struct conf_load *load, int status, struct report *report)
{
	const char *path = load->path;
	int signal;

	if (WIFEXITED(status)) {
		report_error(report, "%s: the parser gave up (exit status %d)",
		    path, WEXITSTATUS(status));
		return;
	}
	signal = WTERMSIG(status);
	if (load->killed != NULL)
		report_error(report, "%s: the parser %s", path, load->killed);
	else if (signal == SIGALRM || signal == SIGXCPU)
		report_error(report, "%s: the parser took longer than %d s",
		    path, CONF_PARSE_SECONDS);
	else if (signal == SIGSYS)
		report_error(report,
		    "%s: the parser was killed by its sandbox (SIGSYS): it "
		    "tried a system call that parsing does not need",
		    path);
	else /* the kernel, out of memory, kills */
		report_failure(report,
		    signal == SIGKILL ? EXIT_SYSTEM : EXIT_CONFIG,
		    "%s: the parser died of signal %d (%s)", path, signal,
		    strsignal(signal));
}

/* The child has ended: what it said counts if it ended well. */
static void
judge(const struct conf_load *load, int status, struct conf **conf,
    struct report *report)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;

	if (code != EXIT_SUCCESS && code != EXIT_SYSTEM &&
	    code != EXIT_PRIVILEGE) {
		report_death(load, status, report);
		return;
	}
	if (frame_read(load->bytes, load->length, load->path, conf, report) ==
	    -1) {
		if (code != EXIT_SUCCESS)
			report->cause = (enum exit_status)code;
		return;
	}
	if (code == EXIT_SUCCESS) {
		somaxconn_check(*conf, SOMAXCONN_FILE, load->path, report);
		return;
	}
	free(*conf);
	*conf = NULL;
	report_death(load, status, report);
}

enum conf_progress
conf_load_continue(
    struct conf_load *load, struct conf **conf, struct report *report)
{
	pid_t ended;
	int status;

	*conf = NULL;
	if (load->child == -1)
		return CONF_FAILED;
	check_deadline(load);
	do
		ended = waitpid(load->child, &status, WNOHANG);
	while (ended == -1 && errno == EINTR);
	/* What a dead child has said is in the pipe. */
	read_pipe(load);
	if (ended == 0)
		return CONF_MORE;
	load->child = -1;
	if (ended == -1)
		report_failure(report, EXIT_SYSTEM,
		    "%s: the parser's end is not known: %s", load->path,
		    strerror(errno));
	else
		judge(load, status, conf, report);
	return *conf != NULL ? CONF_DONE : CONF_FAILED;
}

void
conf_load_end(struct conf_load *load)
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
conf_load_wait(const char *path, bool as_root, struct report *report)
{
	struct conf_load *load = conf_load_start(path, as_root, report);
	enum conf_progress progress = CONF_MORE;
	struct conf *conf = NULL;
	struct pollfd ready;

	if (load == NULL)
		return NULL;
	ready = (struct pollfd){ conf_load_fd(load), POLLIN, 0 };
	while (progress == CONF_MORE) {
		poll(&ready, 1, -1);
		progress = conf_load_continue(load, &conf, report);
	}
	conf_load_end(load);
	return conf;
}
