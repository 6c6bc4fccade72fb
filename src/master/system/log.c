/* The daemon's log. */
#include "config.h"

#include "master/system/log.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/system/clock.h"
#include "master/config/report.h"
#include "shared/escape.h"

#define SYSLOG_SOCKET "/dev/log" /* _PATH_LOG of every libc on Linux */
#define RECONNECT_INTERVAL (250 * CLOCK_MS)

static struct {
	bool to_syslog;
	bool terminal;
	int facility;
	int level;
	int socket; /* -1: not connected */
	int64_t reconnect_at;
	uint64_t dropped;
	uint64_t dropped_said; /* of those, already reported */
	void (*on_fatal)(int status);
} state = { .terminal = true, .facility = LOG_DAEMON, .level = LOG_INFO,
	.socket = -1 };

static void
disconnect(void)
{
	if (state.socket != -1)
		close(state.socket);
	state.socket = -1;
}

static bool
reconnect(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX,
		.sun_path = SYSLOG_SOCKET };
	int64_t now = clock_now();

	if (state.socket != -1)
		return true;
	if (now < state.reconnect_at)
		return false;
	state.reconnect_at = now + RECONNECT_INTERVAL;
	state.socket = socket(
	    AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (state.socket == -1)
		return false;
	if (connect(state.socket, (struct sockaddr *)&address,
		sizeof(address)) == -1)
		disconnect();
	return state.socket != -1;
}

void
log_open(bool to_syslog, int facility, int level)
{
	state.to_syslog = to_syslog;
	state.facility = facility;
	state.level = level;
	state.reconnect_at = 0;
	disconnect();
	if (to_syslog)
		reconnect();
}

void
log_close(void)
{
	disconnect();
}

void
log_terminal(bool on)
{
	state.terminal = on;
}

uint64_t
log_dropped(void)
{
	return state.dropped;
}

void
log_on_fatal(void (*notify)(int status))
{
	state.on_fatal = notify;
}

/* "Nov 22 16:21:07 ", in local time as syslog(3) does; made once a second. */
static const char *
timestamp(void)
{
	static char text[32];
	static time_t made = -1;
	time_t now = time(NULL);
	struct tm tm;

	if (now != made && localtime_r(&now, &tm) != NULL) {
		strftime(text, sizeof(text), "%b %e %H:%M:%S ", &tm);
		made = now;
	}
	return text;
}

/* The log daemon was restarted: its old socket answers ECONNREFUSED. */
static bool
must_reconnect(int error)
{
	return error == ECONNREFUSED || error == ECONNRESET ||
	    error == ENOTCONN || error == EPIPE || error == EDESTADDRREQ;
}

static bool
put_syslog(int priority, const char *text)
{
	char line[LOG_LINE_MAX + 96];
	int length, tries;

	length = snprintf(line, sizeof(line), "<%d>%sforkgreetd[%d]: %s",
	    state.facility | priority, timestamp(), (int)getpid(), text);
	for (tries = 0; tries < 2 && reconnect(); tries++) {
		if (send(state.socket, line, (size_t)length, MSG_NOSIGNAL) !=
		    -1)
			return true;
		if (!must_reconnect(errno))
			return false;
		disconnect();
	}
	return false;
}

/* poll(2) promises that a pipe or socket takes PIPE_BUF bytes at once;
 * O_NONBLOCK would change the descriptor for everyone who shares it. */
static bool
put_stderr(const char *text)
{
	char line[LOG_LINE_MAX + 16];
	struct pollfd fd = { STDERR_FILENO, POLLOUT, 0 };
	int length;

	length = snprintf(line, sizeof(line), "forkgreetd: %s\n", text);
	return poll(&fd, 1, 0) == 1 &&
	    write(STDERR_FILENO, line, (size_t)length) == length;
}

static bool
put_target(int priority, const char *text)
{
	return state.to_syslog ? put_syslog(priority, text) : put_stderr(text);
}

static bool
put(int priority, const char *text)
{
	priority = LOG_PRI(priority);
	if (state.terminal && state.to_syslog && priority <= LOG_WARNING)
		put_stderr(text);
	return put_target(priority, text);
}

static void
say_dropped(void)
{
	char text[64];
	uint64_t lost = state.dropped - state.dropped_said;

	snprintf(text, sizeof(text), "log dropped=%llu",
	    (unsigned long long)lost);
	if (put_target(LOG_WARNING, text))
		state.dropped_said += lost;
}

static void vlog(int priority, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static void
vlog(int priority, const char *format, va_list args)
{
	char raw[LOG_LINE_MAX], line[LOG_LINE_MAX];

	vsnprintf(raw, sizeof(raw), format, args);
	escape_text(line, sizeof(line), raw, strlen(raw), "");
	if (state.dropped != state.dropped_said)
		say_dropped();
	if (!put(priority, line))
		state.dropped++;
}

bool
log_wants(int priority)
{
	return (priority & LOG_ASKED) != 0 || priority <= state.level;
}

void
log_line(int priority, const char *format, ...)
{
	int saved = errno;
	va_list args;

	if (log_wants(priority)) {
		va_start(args, format);
		vlog(priority, format, args);
		va_end(args);
	}
	errno = saved;
}

void
log_report(const struct report *report)
{
	size_t i;

	for (i = 0; i < report->kept; i++)
		log_line(report->lines[i].warning ? LOG_WARNING : LOG_ERR,
		    "%s", report->lines[i].text);
}

void
fatal(enum exit_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vlog(LOG_ERR, format, args);
	va_end(args);
	if (state.on_fatal != NULL)
		state.on_fatal((int)status);
	exit((int)status);
}

bool
log_limit_pass(struct log_limit *limit, int64_t now, int64_t interval,
    uint64_t *suppressed)
{
	if (now < limit->next) {
		limit->suppressed++;
		return false;
	}
	limit->next = now + interval;
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	return true;
}
