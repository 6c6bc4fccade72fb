/* Reloading the configuration. */
#include "config.h"

#include "master/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/control/control.h"
#include "master/system/events.h"
#include "master/system/notify.h"
#include "master/server.h"
#include "master/generations/trial.h"

static void
finish(struct server *server)
{
	struct reload *reload = &server->reload;

	if (reload->load != NULL)
		conf_load_end(reload->load);
	if (reload->candidate != NULL)
		candidate_free(reload->candidate, server);
	*reload = (struct reload) {
		.wanted = reload->wanted,
		.begun = reload->begun,
		.last = reload->last,
	};
}

/* Tells who asked for it. */
static void
tell(struct server *server, enum control_status status)
{
	control_reloaded(server, server->reload.begun, status,
	    &server->reload.candidate->report, clock_now());
}

void
reload_failed(struct server *server)
{
	const struct report *report = &server->reload.candidate->report;

	log_report(report);
	server->stats.reloads_failed++;
	server->reload.last = (struct reload_result) { .ended = time(NULL) };
	stats_tidy(&server->stats); /* rows that candidate_prepare() made */
	log_line(LOG_ERR, "reload result=failed errors=%zu generation=%" PRIu64,
	    report->errors, server->spawners.generation);
	notify_ready("reload failed, the old configuration serves: %s",
	    report->lines[0].text);
	tell(server,
	    server->reload.is_sound ? CONTROL_REFUSED : CONTROL_CONFIG);
	finish(server);
}

void
reload_passed(struct server *server, uint64_t added, uint64_t removed)
{
	log_report(&server->reload.candidate->report);
	server->stats.reloads_ok++;
	server->reload.last = (struct reload_result) {
		.ended = time(NULL), .ok = true,
		.added = added, .removed = removed,
	};
	log_line(LOG_NOTICE,
	    "reload result=ok generation=%" PRIu64 " added=%" PRIu64
	    " removed=%" PRIu64,
	    server->spawners.generation, added, removed);
	notify_ready("serving %u listeners",
	    (unsigned)server->conf->n_listeners);
	tell(server, CONTROL_OK);
	finish(server);
}

static void
begin(struct server *server)
{
	struct reload *reload = &server->reload;

	reload->wanted = false;
	reload->begun++;
	reload->candidate = calloc(1, sizeof(*reload->candidate));
	if (reload->candidate == NULL) {
		log_line(LOG_ERR, "reload: %s", strerror(errno));
		control_cancelled(
		    server, "reload: out of memory", clock_now());
		return;
	}
	reload->candidate->snapshot = SNAPSHOT_NONE;
	notify_reloading();
	reload->load = conf_load_start(server->path, server->as_root,
	    &reload->candidate->report);
	if (reload->load == NULL) {
		reload_failed(server);
		return;
	}
	if (event_add(server->epoll, conf_load_fd(reload->load), EVENT_CONF,
		0) == -1) {
		report_error(&reload->candidate->report, "epoll_ctl: %s",
		    strerror(errno));
		reload->is_sound = true;
		reload_failed(server);
	}
}

static int
prepare(struct server *server, struct candidate *candidate)
{
	struct conf_greeting *greetings;
	int result = -1;

	conf_check_reload(
	    server->conf, candidate->conf, server->path, &candidate->report);
	greetings = conf_greetings_load(
	    candidate->conf, server->path, &candidate->report);
	if (greetings == NULL)
		return -1;
	if (candidate->report.errors == 0) {
		server->reload.is_sound = true;
		result = candidate_prepare(candidate, greetings, server);
	}
	conf_greetings_free(greetings, conf_greetings_count(candidate->conf));
	return result;
}

/* Goes on with the parsing, and with what it gives. */
static void
parse(struct server *server)
{
	struct reload *reload = &server->reload;
	struct candidate *candidate = reload->candidate;

	switch (conf_load_continue(
	    reload->load, &candidate->conf, &candidate->report)) {
	case CONF_MORE:
		return;
	case CONF_FAILED:
		reload_failed(server);
		return;
	case CONF_DONE:
		break;
	}
	conf_load_end(reload->load);
	reload->load = NULL;
	if (prepare(server, candidate) == -1)
		reload_failed(server);
}

void
reload_step(struct server *server, int64_t now)
{
	struct reload *reload = &server->reload;

	if (!server->ready || server->stop != STOP_NOT)
		return;
	if (reload->wanted && reload->candidate == NULL)
		begin(server);
	if (reload->load != NULL)
		parse(server);
	if (reload->candidate != NULL && reload->load == NULL &&
	    !reload->on_trial && server->spawners.trial == -1) {
		reload->on_trial = true;
		if (generation_try(server, reload->candidate, now) == -1) {
			server->generation.candidate = NULL;
			reload_failed(server);
		}
	}
}

/* One that was wanted while another one ran, which then failed. */
int64_t
reload_wakeup(const struct server *server)
{
	const struct reload *reload = &server->reload;

	return server->ready && server->stop == STOP_NOT && reload->wanted &&
		reload->candidate == NULL ? 0 : CLOCK_NEVER;
}

void
reload_cancel(struct server *server)
{
	server->reload.wanted = false;
	if (server->reload.on_trial) {
		trial_abandon(&server->spawners);
		server->generation.candidate = NULL;
	}
	finish(server);
}
