/* Starts the first generation. */
#include "config.h"

#include "master/first.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "master/candidate.h"
#include "master/config/conf.h"
#include "master/resume.h"
#include "master/server.h"
#include "master/states.h"
#include "master/stop.h"
#include "master/system/clock.h"
#include "master/system/daemonize.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"
#include "shared/landlock.h"

void
first_begin(struct server *server, struct candidate *candidate, int64_t now)
{
	server->first = candidate;
	if (candidate_try(candidate, server, now) == -1)
		first_failed(server);
}

void
first_failed(struct server *server)
{
	struct report *report = &server->first->report;

	if (report->errors == 0)
		report_failure(report, generation_cause(&server->generation),
		    "%s", generation_failure(&server->generation));
	log_report(report);
	fatal(report->cause, "start: no client could be served");
}

static void
start_log(const struct server *server)
{
	const struct conf *conf = server->running.conf;
	bool off = conf->sandbox == CONF_SANDBOX_OFF;

	log_event(off ? LOG_WARNING : LOG_NOTICE, "start",
	    LOG_WORD("version", PACKAGE_VERSION),
	    LOG_SIGNED("pid", getpid()), LOG_SIGNED("uid", (int)getuid()),
	    LOG_NUMBER("listeners", conf->n_listeners),
	    LOG_SIGNED("max_clients", conf->limits.max_clients),
	    LOG_WORD("sandbox", off ? "off" : "required"),
	    LOG_SIGNED("landlock_abi", off ? 0 : landlock_abi()),
	    LOG_QUOTED("spawner_libc", SPAWNER_LIBC));
}

void
first_passed(struct server *server, int64_t now)
{
	struct candidate *candidate = server->first;
	size_t added, removed;

	resume_clients(server);
	if (resume_is_trial()) {
		generation_abandon(&server->generation);
		spawners_kill(&server->spawners);
		resume_passed();
	}
	if (candidate_commit(candidate, server, &added, &removed, now) == -1) {
		generation_abandon(&server->generation);
		log_report(&candidate->report);
		fatal(candidate->report.cause, "start: cannot listen");
	}
	log_report(&candidate->report);
	server->first = NULL;
	server->ready = true;
	server->overview.ready_at = clock_now();
	server->overview.started_at = time(NULL);
	server->service.is_open = server->control.is_open = true;
	if (!resume_is_on())
		start_log(server);
	resume_end(server, &candidate->report);
	states_tell(server);
	log_terminal(false);
	daemonize_ready(server->running.conf->log.target == CONF_LOG_STDERR);
	candidate_free(candidate, server);
	if (server->stop.early != 0)
		stop_signal(server, server->stop.early, now);
}
