/* Following greeting files. */
#include "config.h"

#include "master/follow.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "master/config/conf.h"
#include "master/server.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"

/* A new file that was written less than this ago may still be being written.  It
 * is looked at again after that time, but not for ever: it may be another new one
 * each time. */
#define YOUNG (50 * CLOCK_MS)
#define YOUNG_LOOKS 4

/* A missing file is looked for again this soon, before anything is said. */
#define AGAIN (1000 * CLOCK_MS)

/* However short refresh is, every file must get its turn. */
#define LEAST (100 * CLOCK_MS)

static const struct conf_listener *
listener_of(const struct server *server, uint32_t i)
{
	return &server->running.conf->listener[i];
}

static int64_t
interval(const struct conf_listener *listener)
{
	int64_t refresh = listener->refresh_ms * CLOCK_MS;

	return refresh < LEAST ? LEAST : refresh;
}

static void
forget_fresh(struct followed *followed)
{
	greeting_free(&followed->fresh);
	followed->settling = followed->ready = false;
}

/* -------------------------------------------------------------- no new text */

static void
say(const struct conf *conf, const struct conf_listener *listener,
    const char *why)
{
	log_event(LOG_WARNING, "refresh", LOG_WORD("result", "failed"),
	    LOG_WORD("listener", conf_text(conf, listener->name)),
	    LOG_QUOTED("greeting_file",
		conf_text(conf, listener->greeting_file)),
	    LOG_QUOTED("error", why));
}

/* The old text stays.  Once is not news: it may be between removal and
 * creation. */
static void
miss(struct server *server, uint32_t i, const char *why, int64_t now)
{
	struct followed *followed = &server->refresh.files[i];

	if (followed->settling)
		followed->last.changed_ns = -1; /* it has to settle still */
	forget_fresh(followed);
	if (followed->misses == 0)
		followed->next_at = clock_earlier(followed->next_at, now + AGAIN);
	if (followed->misses == 1)
		say(server->running.conf, listener_of(server, i), why);
	if (followed->misses < 2)
		followed->misses++;
}

static void
find(struct server *server, uint32_t i)
{
	struct followed *followed = &server->refresh.files[i];
	const struct conf *conf = server->running.conf;

	if (followed->misses == 2)
		log_event(LOG_NOTICE, "refresh", LOG_WORD("result", "ok"),
		    LOG_WORD("listener",
			conf_text(conf, listener_of(server, i)->name)));
	followed->misses = 0;
}

/* --------------------------------------------------------------- a new text */

static bool
is_in_force(const struct server *server, uint32_t i,
    const struct greeting *greeting)
{
	const struct plan *plan = server->running.snapshot.plan;
	const struct plan_session *session =
	    &plan->session[greetings_index(i, STATE_READY)];

	return session->greeting_length == greeting->length &&
	    memcmp((const char *)plan + session->greeting_offset,
		greeting->bytes, greeting->length) == 0;
}

/* Is the version that was just read complete?  One that was put there by
 * rename(2) is; one that is written in place, once it stays as it is. */
static bool
is_whole(const struct followed *followed, const struct greeting *greeting)
{
	if (!file_id_same(&greeting->file, &followed->last))
		return true;
	if (!file_id_unchanged(&greeting->file, &followed->last))
		return false;
	return followed->again || (followed->settling &&
	    greeting->length == followed->fresh.length &&
	    memcmp(greeting->bytes, followed->fresh.bytes,
		greeting->length) == 0);
}

static void
take(struct server *server, uint32_t i, struct greeting *greeting)
{
	struct followed *followed = &server->refresh.files[i];
	bool whole = is_whole(followed, greeting);

	forget_fresh(followed);
	followed->again = false;
	followed->last = greeting->file;
	if (whole && is_in_force(server, i, greeting)) {
		server->running.files[i] = greeting->file;
		greeting_free(greeting);
		return;
	}
	followed->fresh = *greeting;
	followed->settling = !whole;
	followed->ready = whole;
}

/* ------------------------------------------------------------------ looking */

/* The file is whole: it becomes a greeting. */
static void
read_end(struct server *server, int64_t now)
{
	struct refresh *refresh = &server->refresh;
	struct greeting greeting = {
		.bytes = refresh->reading.bytes,
		.length = refresh->reading.length,
		.file = refresh->reading_id,
	};
	const char *why;

	refresh->reading = FILE_READING_NONE;
	if (greeting_of_file(
		&greeting, listener_of(server, refresh->reading_of), &why) ==
	    -1) {
		greeting_free(&greeting);
		miss(server, refresh->reading_of, why, now);
		return;
	}
	find(server, refresh->reading_of);
	take(server, refresh->reading_of, &greeting);
}

/* Reads the next piece of the file that is being read. */
static void
read_on(struct server *server, int64_t now)
{
	struct refresh *refresh = &server->refresh;
	const char *why;

	switch (file_continue(&refresh->reading, SNAPSHOT_PIECE, &why)) {
	case 1:
		break;
	case 0:
		read_end(server, now);
		break;
	default:
		miss(server, refresh->reading_of, why, now);
		break;
	}
}

/* Was it put there by rename(2), and is so young that it cannot be told from one
 * that is being written? */
static bool
is_too_young(struct followed *followed, const struct file_id *file)
{
	struct timespec wall;
	int64_t age;

	if (file_id_same(file, &followed->last) ||
	    followed->young == YOUNG_LOOKS)
		return false;
	clock_gettime(CLOCK_REALTIME, &wall);
	age = (wall.tv_sec * INT64_C(1000000000) + wall.tv_nsec -
	    file->written_ns) / 1000;
	return age >= 0 && age < YOUNG;
}

static void
look(struct server *server, uint32_t i, int64_t now)
{
	const struct conf_listener *listener = listener_of(server, i);
	const char *path =
	    conf_text(server->running.conf, listener->greeting_file);
	struct refresh *refresh = &server->refresh;
	struct followed *followed = &refresh->files[i];
	const char *why;

	followed->next_at = now + interval(listener);
	if (file_identify(path, &refresh->reading_id) == -1) {
		miss(server, i, strerror(errno), now);
		return;
	}
	if (!followed->settling && !followed->again &&
	    file_id_unchanged(&refresh->reading_id, &followed->last)) {
		find(server, i);
		return;
	}
	if (is_too_young(followed, &refresh->reading_id)) {
		followed->young++;
		followed->next_at =
		    clock_earlier(followed->next_at, now + YOUNG);
		return;
	}
	followed->young = 0;
	refresh->reading_of = i;
	if (file_begin(&refresh->reading, path, CONF_GREETING_MAX,
		FILE_OF_ANYBODY, &why) == -1)
		miss(server, i, why, now);
}

/* ---------------------------------------------------------------- all files */

static bool
is_followed(const struct conf_listener *listener)
{
	return listener->greeting_file.length > 0 && listener->refresh_ms > 0;
}

void
follow_begin(struct server *server, int64_t now)
{
	struct followed *followed = server->refresh.files;
	uint32_t i;

	follow_end(server);
	for (i = 0; i < server->running.conf->n_listeners; i++, followed++)
		*followed = (struct followed) {
			.next_at = is_followed(listener_of(server, i)) ?
			    now + interval(listener_of(server, i)) :
			    CLOCK_NEVER,
			.last = server->running.files[i],
		};
	server->refresh.n_files = server->running.conf->n_listeners;
}

static bool
is_reading(const struct server *server)
{
	return server->refresh.reading.fd != -1;
}

bool
follow_step(struct server *server, int64_t now)
{
	uint32_t i = 0;

	if (is_reading(server)) {
		read_on(server, now);
	} else {
		while (i < server->refresh.n_files &&
		    server->refresh.files[i].next_at > now)
			i++;
		if (i < server->refresh.n_files)
			look(server, i, now);
	}
	return follow_wakeup(server) > now;
}

bool
follow_has_news(const struct server *server)
{
	uint32_t i;

	for (i = 0; i < server->refresh.n_files; i++)
		if (server->refresh.files[i].ready)
			return true;
	return false;
}

void
follow_give(struct server *server, struct greeting *greetings)
{
	struct followed *followed = server->refresh.files;
	uint32_t i;

	for (i = 0; i < server->refresh.n_files; i++, followed++) {
		if (!followed->ready)
			continue;
		greetings[greetings_index(i, STATE_READY)] = followed->fresh;
		followed->fresh = (struct greeting) { 0 };
		followed->ready = false;
		followed->given = true;
	}
}

void
follow_take_back(
    struct server *server, struct greeting *greetings, bool in_force)
{
	struct followed *followed = server->refresh.files;
	struct greeting *greeting;
	struct file_id file;
	uint32_t i;

	for (i = 0; i < server->refresh.n_files; i++, followed++) {
		if (!followed->given)
			continue;
		greeting = &greetings[greetings_index(i, STATE_READY)];
		file = greeting->file;
		greeting_free(greeting);
		followed->given = false;
		if (in_force) {
			server->running.files[i] = file;
			continue;
		}
		followed->again = true;
		followed->next_at = 0;
	}
}

int64_t
follow_wakeup(const struct server *server)
{
	int64_t when = is_reading(server) ? 0 : CLOCK_NEVER;
	uint32_t i;

	for (i = 0; i < server->refresh.n_files; i++)
		when = clock_earlier(when, server->refresh.files[i].next_at);
	return when;
}

void
follow_end(struct server *server)
{
	uint32_t i;

	for (i = 0; i < server->refresh.n_files; i++)
		forget_fresh(&server->refresh.files[i]);
	file_abandon(&server->refresh.reading);
	server->refresh.n_files = 0;
}
