/* Reloading the configuration. */
#include "config.h"

#include "master/reload.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "master/candidate.h"
#include "master/config/conf.h"
#include "master/config/greetings.h"
#include "master/config/load.h"
#include "master/config/verdict.h"
#include "master/control/control_file.h"
#include "master/server.h"
#include "master/states.h"
#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"
#include "master/system/report.h"

static void
finish(struct server *server)
{
	struct reload *reload = &server->reload;

	if (reload->load != NULL)
		load_end(reload->load);
	if (reload->candidate != NULL)
		candidate_free(reload->candidate, server);
	*reload = (struct reload) {
		.wanted = reload->wanted,
		.last = reload->last,
	};
}

/* It has failed before its trial, or in it: all is as it was. */
static void
give_up(struct server *server, int64_t now)
{
	struct reload *reload = &server->reload;
	const struct report *report = &reload->candidate->report;

	log_report(report);
	server->service.counters.reloads_failed++;
	reload->last = (struct reload_result) { .ended = time(NULL) };
	/* Rows that candidate_prepare() made. */
	counters_tidy(&server->service.counters);
	log_event(LOG_ERR, "reload", LOG_WORD("result", "failed"),
	    LOG_NUMBER("errors", report->errors),
	    LOG_NUMBER("generation", spawners_serving(&server->spawners)));
	notify_ready("reload failed, the old configuration serves: %s",
	    report_first_error(report));
	control_reloaded(&server->control,
	    report->cause == EXIT_CONFIG ? CONTROL_CONFIG : CONTROL_REFUSED,
	    report, now);
	finish(server);
}

void
reload_failed(struct server *server, int64_t now)
{
	struct report *report = &server->reload.candidate->report;

	if (report->errors == 0)
		report_failure(report, generation_cause(&server->generation),
		    "%s", generation_failure(&server->generation));
	give_up(server, now);
}

void
reload_passed(struct server *server, int64_t now)
{
	struct reload *reload = &server->reload;
	struct candidate *candidate = reload->candidate;
	size_t added, removed;

	if (candidate_commit(candidate, server, &added, &removed, now) == -1) {
		generation_abandon(&server->generation);
		give_up(server, now);
		return;
	}
	log_report(&candidate->report);
	server->service.counters.reloads_ok++;
	reload->last = (struct reload_result) {
		.ended = time(NULL), .ok = true,
		.added = added, .removed = removed,
	};
	log_event(LOG_NOTICE, "reload", LOG_WORD("result", "ok"),
	    LOG_NUMBER("generation", spawners_serving(&server->spawners)),
	    LOG_NUMBER("added", added), LOG_NUMBER("removed", removed));
	states_tell(server);
	control_reloaded(
	    &server->control, CONTROL_OK, &candidate->report, now);
	finish(server);
}

static void
begin(struct server *server, int64_t now)
{
	const struct conf *conf = server->running.conf;
	struct reload *reload = &server->reload;

	reload->wanted = false;
	control_relisten(&server->control,
	    control_file_restore(server->control.fd,
		conf_text(conf, conf->control_socket)));
	control_reload_begun(&server->control);
	reload->candidate = candidate_new();
	if (reload->candidate == NULL) {
		log_line(LOG_ERR, "reload: %s", strerror(errno));
		control_cancelled(
		    &server->control, "reload: out of memory", now);
		return;
	}
	notify_reloading();
	reload->load = load_start(server->reader, server->path,
	    server->as_root, &reload->candidate->report);
	if (reload->load == NULL) {
		give_up(server, now);
		return;
	}
	if (event_add(server->epoll, load_fd(reload->load), EVENT_CONF,
		0) == -1) {
		report_failure(&reload->candidate->report, EXIT_SYSTEM,
		    "epoll_ctl: %s", strerror(errno));
		give_up(server, now);
	}
}

static int
prepare(struct server *server, struct candidate *candidate)
{
	struct greeting *greetings;
	int result = -1;

	verdict_in_effect(
	    candidate->setup.conf, server->foreground, server->as_root);
	verdict_reload(server->running.conf, candidate->setup.conf,
	    server->path, &candidate->report);
	greetings = greetings_load(
	    candidate->setup.conf, server->path, &candidate->report);
	if (greetings == NULL)
		return -1;
	if (candidate->report.errors == 0)
		result = candidate_prepare(candidate, greetings, server);
	greetings_free(greetings, greetings_count(candidate->setup.conf));
	return result;
}

/* Continues the parsing, and goes on with its result. */
static void
parse(struct server *server, int64_t now)
{
	struct reload *reload = &server->reload;
	struct candidate *candidate = reload->candidate;

	switch (load_continue(
	    reload->load, &candidate->setup.conf, &candidate->report)) {
	case LOAD_MORE:
		return;
	case LOAD_FAILED:
		give_up(server, now);
		return;
	case LOAD_DONE:
		break;
	}
	load_end(reload->load);
	reload->load = NULL;
	if (prepare(server, candidate) == -1)
		give_up(server, now);
}

/* Not during an upgrade: the new program goes on with what its trial has read,
 * which is of before. */
static bool
may_begin(const struct server *server)
{
	return server->reload.wanted && server->reload.candidate == NULL &&
	    server->upgrade.stage == UPGRADE_NOT;
}

void
reload_step(struct server *server, int64_t now)
{
	struct reload *reload = &server->reload;

	if (!server_is_serving(server))
		return;
	reload->wanted = reload->wanted || server->control.reload_wanted;
	if (may_begin(server))
		begin(server, now);
	if (reload->load != NULL)
		parse(server, now);
	if (reload->candidate == NULL || reload->load != NULL ||
	    reload->on_trial || generation_is_trying(&server->generation))
		return;
	reload->on_trial = true;
	if (candidate_try(reload->candidate, server, now) == -1)
		give_up(server, now);
}

/* A reload that was wanted while another one ran, which then failed. */
int64_t
reload_wakeup(const struct server *server)
{
	return server_is_serving(server) && may_begin(server) ? 0 : CLOCK_NEVER;
}

void
reload_cancel(struct server *server)
{
	server->reload.wanted = false;
	if (server->reload.on_trial)
		generation_abandon(&server->generation);
	finish(server);
}
