/* Starting the next generation. */
#include "config.h"

#include "master/generations/generation.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/resources.h"
#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/system/daemonize.h"
#include "master/system/events.h"
#include "master/clients/gate.h"
#include "master/system/notify.h"
#include "master/server.h"
#include "master/generations/trial.h"
#include "shared/landlock.h"

#define RETRY_FIRST (100 * CLOCK_MS)
#define RETRY_LONGEST (500 * CLOCK_MS)
#define FAILURES_LOG_INTERVAL (10 * CLOCK_SECOND)

/* Names of all listeners, in their order; n is at most CONF_LISTENERS_MAX. */
static void
names_of(const struct conf *conf, const char **names)
{
	uint32_t i;

	for (i = 0; i < conf->n_listeners; i++)
		names[i] = conf_text(conf, conf->listener[i].name);
}

int
candidate_prepare(struct candidate *candidate,
    const struct conf_greeting *greetings, struct server *server)
{
	const char *names[CONF_LISTENERS_MAX];
	const char *failed;

	failed = snapshot_make(
	    &candidate->snapshot, candidate->conf, greetings);
	candidate->report.unconfined = failed != NULL;
	names_of(candidate->conf, names);
	if (failed == NULL &&
	    stats_prepare(
		&server->stats, names, candidate->conf->n_listeners) == -1)
		failed = "counters";
	if (failed == NULL &&
	    messages_make(&candidate->messages, candidate->conf) == -1)
		failed = "refusals";
	if (failed != NULL) {
		report_error(&candidate->report, "%s: %s: %s", server->path,
		    failed, strerror(errno));
		return -1;
	}
	budget_check(candidate->conf, "", server->path, &candidate->report);
	return listeners_bind(&candidate->listeners, &server->listeners,
	    candidate->conf, server->path, &candidate->report);
}

void
candidate_free(struct candidate *candidate, struct server *server)
{
	listeners_unwatch(
	    &candidate->listeners, &server->listeners, server->epoll);
	listeners_close(&candidate->listeners, &server->listeners);
	snapshot_free(&candidate->snapshot);
	messages_free(&candidate->messages);
	free(candidate->conf);
	free(candidate);
}

int
generation_try(struct server *server, struct candidate *candidate, int64_t now)
{
	const struct snapshot *snapshot =
	    candidate == NULL ? &server->snapshot : &candidate->snapshot;

	server->generation.candidate = candidate;
	server->stats.spawner_starts++;
	if (trial_start(&server->spawners, snapshot, now) == 0)
		return 0;
	if (candidate != NULL)
		report_error(
		    &candidate->report, "%s", server->spawners.failure);
	return -1;
}

/* ------------------------------------------------------------------ committing */

/* Makes the loop know the new sockets, without polling them yet: what can fail
 * must fail before anything is changed. */
static int
listeners_register(
    const struct server *server, struct candidate *candidate)
{
	const struct listeners *fresh = &candidate->listeners;
	struct epoll_event quiet = event_make(0, EVENT_LISTENER, 0);
	size_t i;

	for (i = 0; i < fresh->n; i++)
		if (fresh->list[i].fd != -1 && !fresh->list[i].inherited &&
		    epoll_ctl(server->epoll, EPOLL_CTL_ADD, fresh->list[i].fd,
			&quiet) == -1) {
			report_error(&candidate->report, "epoll_ctl: %s",
			    strerror(errno));
			return -1;
		}
	return 0;
}

/* Polls the sockets under their new indices, and finds their counters; those
 * closed are gone by themselves. */
static void
listeners_watch(struct server *server)
{
	struct listener *listener;
	uint32_t i;

	for (i = 0; i < server->listeners.n; i++) {
		listener = &server->listeners.list[i];
		if (listener->fd == -1)
			continue;
		listener->row = (uint32_t)stats_find(&server->stats,
		    conf_text(server->conf,
			server->conf->listener[listener->group].name));
		watch_poll(server, i);
		if (!listener->inherited)
			watch_say(server, listener);
		listener->inherited = false;
	}
}

/* The candidate's parts become the running ones; the old ones take their place,
 * to be freed with it. */
static void
swap(struct server *server, struct candidate *candidate)
{
	struct conf *conf = server->conf;
	struct snapshot snapshot = server->snapshot;
	struct messages messages = server->messages;
	struct listeners listeners = server->listeners;

	server->conf = candidate->conf;
	server->snapshot = candidate->snapshot;
	server->messages = candidate->messages;
	server->listeners = candidate->listeners;
	candidate->conf = conf;
	candidate->snapshot = snapshot;
	candidate->messages = messages;
	candidate->listeners = listeners;
}

static int
commit(struct server *server, struct candidate *candidate, int64_t now)
{
	const char *names[CONF_LISTENERS_MAX];
	size_t added, removed;

	if (listeners_listen(&candidate->listeners, &candidate->report) ==
		-1 ||
	    listeners_register(server, candidate) == -1)
		return -1;
	spawners_promote(&server->spawners, now);
	swap(server, candidate);
	names_of(server->conf, names);
	stats_use(&server->stats, names, server->conf->n_listeners);
	gate_configure(server, now);
	log_configure(server->conf, server->foreground);
	listeners_watch(server);
	added = listeners_difference(
	    &server->listeners, &candidate->listeners);
	removed = listeners_difference(
	    &candidate->listeners, &server->listeners);
	if (server->ready)
		reload_passed(server, added, removed);
	return 0;
}

/* The first generation is there: from now on clients are served. */
static void
serve(struct server *server)
{
	bool off = server->conf->sandbox == CONF_SANDBOX_OFF;

	server->ready = true;
	server->ready_at = clock_now();
	log_line(off ? LOG_WARNING : LOG_NOTICE,
	    "start version=%s pid=%d uid=%d listeners=%u max_clients=%d "
	    "sandbox=%s landlock_abi=%d spawner_libc=\"%s\"",
	    PACKAGE_VERSION, (int)getpid(), (int)getuid(),
	    (unsigned)server->conf->n_listeners,
	    (int)server->conf->limits.max_clients, off ? "off" : "required",
	    off ? 0 : landlock_abi(), SPAWNER_LIBC);
	notify_ready("serving %u listeners",
	    (unsigned)server->conf->n_listeners);
	log_terminal(false);
	daemonize_ready(server->conf->log.target == CONF_LOG_STDERR);
}

/* ----------------------------------------------------------------- the trial's end */

static void
respawn_failed(struct server *server, int64_t now)
{
	struct generation *generation = &server->generation;
	uint64_t suppressed;

	linger_clear(&server->linger); /* it may be descriptors that lack */
	generation->delay =
	    generation->delay == 0 ? RETRY_FIRST : generation->delay * 2;
	if (generation->delay > RETRY_LONGEST)
		generation->delay = RETRY_LONGEST;
	generation->retry_at = now + generation->delay;
	if (log_limit_pass(&generation->failures, now, FAILURES_LOG_INTERVAL,
		&suppressed))
		log_line(LOG_ERR, "spawner failed suppressed=%" PRIu64 ": %s",
		    suppressed, server->spawners.failure);
}

static void
failed(struct server *server, int64_t now)
{
	struct candidate *candidate = server->generation.candidate;

	server->generation.candidate = NULL;
	if (candidate == NULL) {
		respawn_failed(server, now);
		return;
	}
	if (candidate->report.errors == 0)
		report_error(
		    &candidate->report, "%s", server->spawners.failure);
	if (!server->ready) {
		log_report(&candidate->report);
		fatal(EXIT_PRIVILEGE, "start: no client could be served");
	}
	reload_failed(server);
}

static void
passed(struct server *server, int64_t now)
{
	struct candidate *candidate = server->generation.candidate;

	if (candidate == NULL) {
		spawners_promote(&server->spawners, now);
	} else if (commit(server, candidate, now) == -1) {
		trial_abandon(&server->spawners);
		if (!server->ready) {
			log_report(&candidate->report);
			fatal(EXIT_ADDRESS, "start: cannot listen");
		}
		failed(server, now);
		return;
	} else if (!server->ready) {
		log_report(&candidate->report);
		serve(server);
		candidate_free(candidate, server);
	}
	server->generation.candidate = NULL;
	server->generation.retry_at = server->generation.delay = 0;
	server->generation.rotate = false;
}

void
generation_crashed(struct server *server, uint64_t generation)
{
	if (server->spawners.current != -1 &&
	    spawners_generation(&server->spawners) == generation)
		server->generation.rotate = true;
}

/* Should a spawner be started for the running configuration? */
static bool
is_needed(const struct server *server, int64_t now)
{
	const struct generation *generation = &server->generation;

	if (!server->ready || now < generation->retry_at)
		return false;
	return server->spawners.current == -1 ||
	    (generation->rotate && now >= generation->rotate_at);
}

void
generation_step(struct server *server, int64_t now)
{
	if (server->spawners.trial != -1) {
		switch (trial_check(&server->spawners, now)) {
		case TRIAL_PASSED:
			passed(server, now);
			break;
		case TRIAL_FAILED:
			failed(server, now);
			break;
		case TRIAL_RUNNING:
			break;
		}
	} else if (is_needed(server, now)) {
		if (server->spawners.current != -1)
			log_line(LOG_WARNING, "spawner rotates generation=%"
			    PRIu64 " reason=crash", server->spawners.generation);
		server->generation.rotate_at =
		    now + GENERATION_ROTATION_MS * CLOCK_MS;
		if (generation_try(server, NULL, now) == -1)
			respawn_failed(server, now);
	}
}

int64_t
generation_wakeup(const struct server *server)
{
	const struct generation *generation = &server->generation;
	const struct spawners *spawners = &server->spawners;

	if (spawners->trial != -1)
		return spawners->list[spawners->trial].deadline;
	if (spawners->current == -1)
		return generation->retry_at;
	if (!generation->rotate)
		return CLOCK_NEVER;
	return generation->rotate_at > generation->retry_at ?
	    generation->rotate_at :
	    generation->retry_at;
}
