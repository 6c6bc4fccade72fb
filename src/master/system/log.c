/* The daemon's log. */
#include "config.h"

#include "master/system/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/system/log_stderr.h"
#include "master/system/log_syslog.h"
#include "master/system/report.h"
#include "shared/escape.h"

static struct {
	bool to_syslog;
	bool terminal;
	int facility;
	int level;
	uint64_t dropped;
	uint64_t dropped_said; /* of those, already reported */
	void (*on_fatal)(int status);
} state = { .terminal = true, .facility = LOG_DAEMON, .level = LOG_INFO };

void
log_open(bool to_syslog, int facility, int level)
{
	log_stderr_open();
	if (!to_syslog)
		state.dropped += log_syslog_close();
	else if (!state.to_syslog && !log_syslog_connect())
		log_line(LOG_WARNING, "log: %s: %m, lines are dropped until "
		    "there is a log server", LOG_SYSLOG_SOCKET);
	state.to_syslog = to_syslog;
	state.facility = facility;
	state.level = level;
}

void
log_level_set(int level)
{
	state.level = level;
}

int
log_level(void)
{
	return state.level;
}

void
log_close(void)
{
	log_syslog_close();
	log_stderr_close();
}

void
log_terminal(bool on)
{
	state.terminal = on;
	if (!on)
		log_stderr_serving();
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

/* Returns how many lines were lost. */
static unsigned
put_target(int priority, const char *text)
{
	if (state.to_syslog)
		return log_syslog_put(state.facility | priority, text);
	return log_stderr_put(priority, text) ? 0 : 1;
}

static unsigned
put(int priority, const char *text)
{
	priority = LOG_PRI(priority);
	if (state.terminal && state.to_syslog && priority <= LOG_WARNING)
		log_stderr_put(priority, text);
	return put_target(priority, text);
}

static void
say_dropped(void)
{
	char text[64];
	uint64_t lost = state.dropped - state.dropped_said;

	snprintf(text, sizeof(text), "log dropped=%llu",
	    (unsigned long long)lost);
	if (put_target(LOG_WARNING, text) == 0)
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
	state.dropped += put(priority, line);
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
	if (report_left_out(report) > 0)
		log_line(report->errors > 0 ? LOG_ERR : LOG_WARNING,
		    "and %zu more", report_left_out(report));
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
