/* Health files: what others say that a listener is ready for. */
#include "config.h"

#include "master/health.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "master/config/conf.h"
#include "master/server.h"
#include "master/states.h"
#include "master/system/clock.h"
#include "master/system/file.h"
#include "master/system/file_id.h"

/* A line of a few words, and what somebody writes below it. */
#define HEALTH_FILE_MAX (64u << 10)

static struct health __attribute__((format(printf, 1, 2)))
down(const char *format, ...)
{
	struct health health = { STATE_DOWN, HEALTH_NO_WEIGHT, "" };
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(health.reason, sizeof(health.reason), format, arguments);
	va_end(arguments);
	return health;
}

/* It may change while it is read: then at once again. */
#define TRIES 3

static int
read_whole(const char *path, char **text, size_t *length, const char **why)
{
	unsigned i;

	for (i = 0; i < TRIES; i++)
		if (file_read(path, HEALTH_FILE_MAX, FILE_OF_ANYBODY, text,
			length, why) == 0)
			return 0;
	return -1;
}

/* Reads it; one that is being written, as it seems, gets one more look. */
static void
read_file(struct health_watch *watch, const char *path)
{
	enum health_parse parse;
	struct health fresh;
	const char *why;
	char *text;
	size_t length;

	watch->failed = read_whole(path, &text, &length, &why) == -1;
	if (watch->failed) {
		watch->unfinished = false;
		watch->said = down("%s", why);
		return;
	}
	parse = health_parse(text, length, &fresh);
	free(text);
	if (parse == HEALTH_UNFINISHED && !watch->unfinished && watch->looked) {
		watch->unfinished = true;
		return;
	}
	watch->unfinished = false;
	watch->said = fresh;
}

/* Seconds since it was written; of a clock that was set back, 0. */
static int64_t
age_of(const struct file_id *file)
{
	int64_t written = file->written_ns / 1000000000;
	int64_t now = time(NULL);

	return now > written ? now - written : 0;
}

static void
look(struct health_watch *watch, const struct conf *conf,
    const struct conf_listener *listener)
{
	const char *path = conf_text(conf, listener->health_file);
	struct file_id file;

	if (file_identify(path, &file) == -1) {
		watch->said = down("%s", strerror(errno));
		watch->now = watch->said;
		watch->looked = false;
		return;
	}
	if (!watch->looked || watch->unfinished || watch->failed ||
	    !file_id_unchanged(&file, &watch->file))
		read_file(watch, path);
	watch->looked = true;
	watch->file = file;
	watch->now = watch->said;
	if (listener->max_age_ms > 0 &&
	    age_of(&file) * 1000 > listener->max_age_ms)
		watch->now = down("not written for %lld s",
		    (long long)age_of(&file));
}

/* True when another state, weight or reason is in force. */
static bool
look_at(struct server *server, uint32_t i, int64_t now)
{
	const struct conf *conf = server->running.conf;
	const struct conf_listener *listener = &conf->listener[i];
	struct health_watch *watch = &server->health.watches[i];
	struct health before = watch->now;

	watch->next_at = listener->refresh_ms == 0 ? CLOCK_NEVER :
	    now + listener->refresh_ms * CLOCK_MS;
	look(watch, conf, listener);
	return before.state != watch->now.state ||
	    before.weight != watch->now.weight ||
	    strcmp(before.reason, watch->now.reason) != 0;
}

static void
find_next(struct server *server)
{
	struct health_watches *health = &server->health;
	uint32_t i;

	health->next_at = CLOCK_NEVER;
	for (i = 0; i < server->running.conf->n_listeners; i++)
		health->next_at = clock_earlier(
		    health->next_at, health->watches[i].next_at);
}

void
health_begin(struct server *server, int64_t now)
{
	const struct conf *conf = server->running.conf;
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++) {
		server->health.watches[i] = (struct health_watch) {
			.next_at = CLOCK_NEVER,
			.now = { STATE_READY, HEALTH_NO_WEIGHT, "" },
		};
		if (conf->listener[i].health_file.length > 0)
			look_at(server, i, now);
	}
	find_next(server);
}

void
health_step(struct server *server, int64_t now)
{
	bool changed = false;
	uint32_t i;

	if (!server->ready || now < server->health.next_at)
		return;
	for (i = 0; i < server->running.conf->n_listeners; i++)
		if (server->health.watches[i].next_at <= now)
			changed = look_at(server, i, now) || changed;
	find_next(server);
	if (!changed)
		return;
	states_apply(server);
	states_tell(server);
}

int64_t
health_wakeup(const struct server *server)
{
	return server->ready ? server->health.next_at : CLOCK_NEVER;
}
