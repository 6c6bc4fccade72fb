/* The daemon's log. */
#include "config.h"

#include "master/system/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/system/log_journal.h"
#include "master/system/log_json.h"
#include "master/system/log_stderr.h"
#include "master/system/log_syslog.h"
#include "master/system/log_text.h"
#include "master/system/log_time.h"
#include "master/system/report.h"

static struct {
	struct log_options options;
	bool terminal;
	uint64_t dropped;
	uint64_t dropped_said; /* of those, already reported */
	void (*on_fatal)(int status);
} state = { .options = { .target = LOG_TO_STDERR, .facility = LOG_DAEMON,
		.level = LOG_INFO }, .terminal = true };

/* A target that is a socket. */
static const struct server {
	const char *path;
	bool (*connect)(void);
	unsigned (*close)(void);
} servers[] = {
	[LOG_TO_SYSLOG] = { LOG_SYSLOG_SOCKET, log_syslog_connect,
	    log_syslog_close },
	[LOG_TO_STDERR] = { NULL, NULL, NULL },
	[LOG_TO_JOURNAL] = { LOG_JOURNAL_SOCKET, log_journal_connect,
	    log_journal_close },
};
#define N_SERVERS (sizeof(servers) / sizeof(servers[0]))

void
log_open(const struct log_options *options)
{
	const struct server *fresh = &servers[options->target], *server;

	log_stderr_open();
	if (options->target != state.options.target && fresh->path != NULL &&
	    !fresh->connect())
		log_line(LOG_WARNING, "log: %s: %m, lines are dropped until "
		    "there is a log server", fresh->path);
	for (server = servers; server < servers + N_SERVERS; server++)
		if (server != fresh && server->path != NULL)
			state.dropped += server->close();
	state.options = *options;
}

void
log_level_set(int level)
{
	state.options.level = level;
}

int
log_level(void)
{
	return state.options.level;
}

void
log_close(void)
{
	log_syslog_close();
	log_journal_close();
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
log_dropped_before(uint64_t lines)
{
	state.dropped += lines;
	state.dropped_said += lines;
}

void
log_on_fatal(void (*notify)(int status))
{
	state.on_fatal = notify;
}

#define NAME "forkgreetd: "

/* The line begins with the time, unless it has it in itself. */
static bool
put_stderr(const struct log_record *record, const char *time, const char *body)
{
	char begin[LOG_TIME_MAX + sizeof(" " NAME)] = "";

	if (!state.options.json)
		snprintf(begin, sizeof(begin), "%s%s" NAME,
		    time == NULL ? "" : time, time == NULL ? "" : " ");
	return log_stderr_put(record->priority, begin, body);
}

/* Returns how many lines were lost. */
static unsigned
put_target(const struct log_record *record, const char *text)
{
	char json[LOG_JSON_MAX], buffer[LOG_TIME_MAX];
	const char *time = NULL;

	if (state.options.target == LOG_TO_STDERR && state.options.timestamps &&
	    !log_stderr_is_journal())
		time = log_time(buffer);
	if (state.options.json) {
		log_json(json, record, time);
		text = json;
	}
	switch (state.options.target) {
	case LOG_TO_SYSLOG:
		return log_syslog_put(
		    state.options.facility | record->priority, text);
	case LOG_TO_JOURNAL:
		return log_journal_put(record, state.options.facility, text);
	case LOG_TO_STDERR:
		break;
	}
	return put_stderr(record, time, text) ? 0 : 1;
}

static void
say_dropped(void)
{
	uint64_t lost = state.dropped - state.dropped_said;
	const struct log_field field = LOG_NUMBER("dropped", lost);
	const struct log_record record = { LOG_WARNING, "log", &field, 1 };
	char text[LOG_LINE_MAX];

	log_text(text, &record);
	if (put_target(&record, text) == 0)
		state.dropped_said += lost;
}

static void
put(const struct log_record *record)
{
	char text[LOG_LINE_MAX];

	log_text(text, record);
	if (state.dropped != state.dropped_said)
		say_dropped();
	if (state.terminal && state.options.target != LOG_TO_STDERR &&
	    record->priority <= LOG_WARNING)
		log_stderr_put(record->priority, NAME, text);
	state.dropped += put_target(record, text);
}

bool
log_wants(int priority)
{
	return (priority & LOG_ASKED) != 0 || priority <= state.options.level;
}

void
log_record(const struct log_record *record)
{
	int saved = errno;
	struct log_record copy = *record;

	copy.priority = LOG_PRI(record->priority);
	if (log_wants(record->priority))
		put(&copy);
	errno = saved;
}

static void vlog(int priority, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Whatever log.level says. */
static void
vlog(int priority, const char *format, va_list args)
{
	char text[LOG_LINE_MAX];

	vsnprintf(text, sizeof(text), format, args);
	put(&(struct log_record) { LOG_PRI(priority), LOG_MESSAGE,
	    &LOG_QUOTED(LOG_MESSAGE, text), 1 });
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
fatal_said(enum exit_status status)
{
	if (state.on_fatal != NULL)
		state.on_fatal((int)status);
	exit((int)status);
}

void
fatal(enum exit_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vlog(LOG_ERR, format, args);
	va_end(args);
	fatal_said(status);
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
