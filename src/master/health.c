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
#define NS_PER_S INT64_C(1000000000)
#define NS_PER_US 1000

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

/* Since it was written, by the wall clock; of a file of the future, where the
 * clock was set back, 0. */
static int64_t
wall_age(const struct file_id *file)
{
	struct timespec wall;
	int64_t age;

	clock_gettime(CLOCK_REALTIME, &wall);
	age = wall.tv_sec * NS_PER_S + wall.tv_nsec - file->written_ns;
	return age < 0 ? 0 : age / NS_PER_US;
}

/* Of a version that is new.  One that has a later time than the last came after
 * the last look at that: the wall clock may have been set since. */
static int64_t
first_age(
    const struct health_age *last, const struct file_id *file, int64_t now)
{
	int64_t age = wall_age(file);

	if (last->looked_at != 0 && file->written_ns > last->file.written_ns &&
	    age > now - last->looked_at)
		return now - last->looked_at;
	return age;
}

/* Since it was written, as clock_now() counts: from when it was first seen so,
 * the wall clock may be set as it likes. */
static int64_t
age_of(struct health_age *age, const struct file_id *file, int64_t now)
{
	if (!file_id_unchanged(file, &age->file)) {
		age->written_at = now - first_age(age, file, now);
		age->file = *file;
	}
	age->looked_at = now;
	return now - age->written_at;
}

static void
look(struct health_watch *watch, const struct conf *conf,
    const struct conf_listener *listener, int64_t now)
{
	const char *path = conf_text(conf, listener->health_file);
	struct file_id file;
	int64_t age;

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
	age = age_of(&watch->age, &file, now);
	if (listener->max_age_ms > 0 && age > listener->max_age_ms * CLOCK_MS)
		watch->now = down("not written for %lld s",
		    (long long)(age / CLOCK_SECOND));
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
	look(watch, conf, listener, now);
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

/* How old a listener's file is, if any listener had it before. */
static struct health_age
find_age(const struct health_age ages[CONF_LISTENERS_MAX], const char *path)
{
	struct file_id file;
	uint32_t i;

	if (file_identify(path, &file) == 0)
		for (i = 0; i < CONF_LISTENERS_MAX; i++)
			if (file_id_unchanged(&file, &ages[i].file))
				return ages[i];
	return (struct health_age) { .written_at = 0 };
}

static void
begin(struct server *server, uint32_t i,
    const struct health_age ages[CONF_LISTENERS_MAX], int64_t now)
{
	const struct conf *conf = server->running.conf;
	const struct conf_listener *listener = &conf->listener[i];
	struct health_watch *watch = &server->health.watches[i];

	*watch = (struct health_watch) {
		.next_at = CLOCK_NEVER,
		.now = { STATE_READY, HEALTH_NO_WEIGHT, "" },
	};
	if (listener->health_file.length == 0)
		return;
	watch->age = find_age(ages, conf_text(conf, listener->health_file));
	look_at(server, i, now);
}

void
health_begin(struct server *server, int64_t now)
{
	struct health_age ages[CONF_LISTENERS_MAX]; /* before a reload */
	uint32_t i;

	for (i = 0; i < CONF_LISTENERS_MAX; i++)
		ages[i] = server->health.watches[i].age;
	for (i = 0; i < server->running.conf->n_listeners; i++)
		begin(server, i, ages, now);
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
