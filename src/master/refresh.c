/* Putting changed texts in force. */
#include "config.h"

#include "master/refresh.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "master/follow.h"
#include "master/server.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"

/* From one generation to the next.  Nothing is read in between, so that what is
 * put in force then is what the files hold then. */
#define INTERVAL CLOCK_SECOND

/* How long to work at a time, and then to leave the processor to the clients.
 * A process that never sleeps makes others wait for whole slices of the
 * scheduler. */
#define WORK (CLOCK_MS / 20)
#define PAUSE CLOCK_MS

/* What was made for the next generation is not needed any more. */
static void
drop(struct server *server, bool in_force)
{
	struct refresh *refresh = &server->refresh;

	snapshot_draft_free(&refresh->draft);
	snapshot_free(&refresh->snapshot);
	messages_free(&refresh->messages);
	follow_take_back(server, refresh->greetings, in_force);
	free(refresh->greetings);
	refresh->greetings = NULL;
	refresh->stage = REFRESH_IDLE;
}

/* All is as it was; the texts are read again after INTERVAL. */
static void
fail(struct server *server, const char *what, const char *why, int64_t now)
{
	if (!server->refresh.failed)
		log_event(LOG_WARNING, "refresh", LOG_WORD("result", "failed"),
		    LOG_QUOTED("step", what), LOG_QUOTED("error", why));
	server->refresh.failed = true;
	server->refresh.earliest = now + INTERVAL;
	drop(server, false);
}

/* What has failed is in force, or not wanted any more. */
static void
recover(struct server *server)
{
	if (server->refresh.failed)
		log_event(LOG_NOTICE, "refresh", LOG_WORD("result", "ok"));
	server->refresh.failed = false;
}

/* -------------------------------------------------------------------- steps */

/* The greeting with that index, as it is; it stays the running setup's, and
 * names no file. */
static struct greeting
in_force(const struct setup *running, size_t index)
{
	const struct plan *plan = running->snapshot.plan;
	const struct plan_session *session = &plan->session[index];
	const struct message_session *said = &running->messages.sessions[index];

	return (struct greeting) {
		.bytes = (char *)(uintptr_t)plan + session->greeting_offset,
		.length = session->greeting_length,
		.texts = said->texts,
		.segments = said->segments,
		.n_texts = said->n_texts,
		.n_segments = said->n_segments,
	};
}

static const char *
build_begin(struct server *server)
{
	struct refresh *refresh = &server->refresh;
	const struct conf *conf = server->running.conf;
	size_t n = greetings_count(conf), i;

	refresh->greetings = calloc(n, sizeof(*refresh->greetings));
	if (refresh->greetings == NULL)
		return "greetings";
	for (i = 0; i < n; i++)
		refresh->greetings[i] = in_force(&server->running, i);
	follow_give(server, refresh->greetings);
	return snapshot_begin(&refresh->draft, conf, refresh->greetings,
	    server->running.snapshot.plan);
}

static const char *
build_end(struct server *server)
{
	struct refresh *refresh = &server->refresh;
	const char *failed =
	    snapshot_finish(&refresh->draft, &refresh->snapshot);

	if (failed == NULL && messages_make(&refresh->messages,
	    server->running.conf, refresh->greetings) == -1)
		failed = "messages";
	return failed;
}

/* The bytes of one of ours that was put are not needed any more: a large heap
 * makes the next fork slow, and clients would wait while all are freed. */
static void
free_put(struct greeting *greeting)
{
	if (greeting->file.inode == 0)
		return;
	free(greeting->bytes);
	greeting->bytes = NULL;
}

/* Goes on after a pause, if it was not the last piece. */
static void
pause_unless(struct refresh *refresh, bool done, int64_t now)
{
	refresh->resume_at = done ? now : now + PAUSE;
}

/* Puts texts into the plan for a while; *done: all are there. */
static const char *
put_some(struct refresh *refresh, bool *done)
{
	int64_t begun = clock_now();
	const char *failed;
	uint32_t index;

	do {
		index = refresh->draft.next;
		failed = snapshot_continue(&refresh->draft, done);
		if (refresh->draft.next > index)
			free_put(&refresh->greetings[index]);
	} while (failed == NULL && !*done && clock_now() - begun < WORK);
	return failed;
}

static void
build(struct server *server, int64_t now)
{
	struct refresh *refresh = &server->refresh;
	bool done = false;
	const char *failed = put_some(refresh, &done);

	pause_unless(refresh, done, now);
	if (failed == NULL && done) {
		failed = build_end(server);
		refresh->stage = REFRESH_BUILT;
	}
	if (failed != NULL)
		fail(server, failed, strerror(errno), now);
}

/* Looks at files for a while; true when all are looked at. */
static bool
look(struct server *server, int64_t now)
{
	int64_t begun = clock_now();
	bool done;

	do
		done = follow_step(server, now);
	while (!done && clock_now() - begun < WORK);
	pause_unless(&server->refresh, done, now);
	return done;
}

static void
begin(struct server *server, int64_t now)
{
	const char *failed;

	server->refresh.earliest = now + INTERVAL;
	server->refresh.stage = REFRESH_BUILDING;
	failed = build_begin(server);
	if (failed != NULL)
		fail(server, failed, strerror(errno), now);
}

/* A reload's trial comes first, and that of a standby, which the next generation
 * would end: else there would never be one. */
static bool
must_wait(const struct server *server)
{
	return server->spawners.next.index != -1 ||
	    generation_is_trying(&server->generation);
}

static void
try(struct server *server, int64_t now)
{
	struct refresh *refresh = &server->refresh;

	refresh->stage = REFRESH_TRYING;
	if (generation_try(&server->generation, &refresh->snapshot, now) == -1)
		refresh_failed(server, now);
}

static int64_t
later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

/* When that is due. */
static int64_t
next_step(const struct server *server)
{
	const struct refresh *refresh = &server->refresh;

	/* What its trial has read is what comes. */
	if (server->upgrade.stage != UPGRADE_NOT)
		return CLOCK_NEVER;
	switch (refresh->stage) {
	case REFRESH_IDLE:
		return later(later(refresh->earliest, refresh->resume_at),
		    follow_has_news(server) ? 0 : follow_wakeup(server));
	case REFRESH_BUILDING:
		return refresh->resume_at;
	case REFRESH_BUILT:
		return must_wait(server) ? CLOCK_NEVER : 0;
	case REFRESH_TRYING:
		break;
	}
	return CLOCK_NEVER;
}

void
refresh_step(struct server *server, int64_t now)
{
	if (!server_is_serving(server) || now < next_step(server))
		return;
	switch (server->refresh.stage) {
	case REFRESH_IDLE:
		if (!look(server, now))
			break;
		if (follow_has_news(server))
			begin(server, now);
		else
			recover(server);
		break;
	case REFRESH_BUILDING:
		build(server, now);
		break;
	case REFRESH_BUILT:
		try(server, now);
		break;
	case REFRESH_TRYING:
		break;
	}
}

int64_t
refresh_wakeup(const struct server *server)
{
	return server_is_serving(server) ? next_step(server) : CLOCK_NEVER;
}

/* ------------------------------------------------------------------ its end */

bool
refresh_is_trying(const struct server *server)
{
	return server->refresh.stage == REFRESH_TRYING;
}

void
refresh_passed(struct server *server, int64_t now)
{
	struct refresh *refresh = &server->refresh;
	struct setup *running = &server->running;
	struct snapshot snapshot = running->snapshot;
	struct messages messages = running->messages;

	running->snapshot = refresh->snapshot;
	running->messages = refresh->messages;
	refresh->snapshot = snapshot;
	refresh->messages = messages;
	/* First, while the last spawner has the plan: freeing its pages is then
	 * not our work, which clients would wait for. */
	drop(server, true);
	generation_commit(&server->generation, SPAWNER_REFRESH, now);
	recover(server);
}

void
refresh_failed(struct server *server, int64_t now)
{
	fail(server, "trial", generation_failure(&server->generation), now);
}

void
refresh_begin(struct server *server, int64_t now)
{
	drop(server, false);
	server->refresh.failed = false;
	follow_begin(server, now);
}

void
refresh_cancel(struct server *server)
{
	if (refresh_is_trying(server))
		generation_abandon(&server->generation);
	drop(server, false);
	follow_end(server);
}
