/* Preparing a candidate and committing it. */
#include "config.h"

#include "master/candidate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "master/config/conf.h"
#include "master/health.h"
#include "master/clients/serve.h"
#include "master/log_target.h"
#include "master/refresh.h"
#include "master/resume.h"
#include "master/server.h"
#include "master/states.h"
#include "master/system/log_event.h"

struct candidate *
candidate_new(void)
{
	struct candidate *candidate = calloc(1, sizeof(*candidate));

	if (candidate != NULL)
		candidate->setup = SETUP_NONE;
	return candidate;
}

int
candidate_prepare(struct candidate *candidate,
    const struct greeting *greetings, const struct server *server)
{
	return setup_prepare(&candidate->setup, &server->running, greetings,
	    server->path, &candidate->report);
}

int
candidate_try(struct candidate *candidate, struct server *server, int64_t now)
{
	if (serve_prepare(&server->service, candidate->setup.conf) == -1) {
		report_failure(&candidate->report, EXIT_SYSTEM,
		    "%s: counters: %s",
		    server->path, strerror(errno));
		return -1;
	}
	if (generation_try(&server->generation, &candidate->setup.snapshot,
		now) == 0)
		return 0;
	report_failure(&candidate->report,
	    generation_cause(&server->generation), "%s",
	    generation_failure(&server->generation));
	return -1;
}

/* Closes and frees what it has and the running setup has not. */
static void
drop(struct candidate *candidate, struct server *server)
{
	watch_remove(&server->service.watch, &candidate->setup.listeners,
	    &server->running.listeners);
	setup_free(&candidate->setup, &server->running);
}

int
candidate_commit(struct candidate *candidate, struct server *server,
    size_t *added, size_t *removed, int64_t now)
{
	struct setup last = server->running;

	if (listeners_listen(&candidate->setup.listeners,
		&candidate->report) == -1 ||
	    watch_register(&server->service.watch, &candidate->setup.listeners,
		&candidate->report) == -1)
		return -1;
	listeners_settle(&candidate->setup.listeners);
	generation_commit(&server->generation,
	    server->ready ? SPAWNER_RELOAD :
		resume_is_on() ? SPAWNER_UPGRADE : SPAWNER_START, now);
	server->overview.configured_at = time(NULL);
	server->running = candidate->setup;
	candidate->setup = last;
	health_begin(server, now);
	refresh_begin(server, now);
	states_apply(server);
	serve_configure(&server->service, now);
	log_target_set(server->running.conf, server->foreground);
	*added = listeners_difference(
	    &server->running.listeners, &last.listeners);
	*removed = listeners_difference(
	    &last.listeners, &server->running.listeners);
	drop(candidate, server); /* before anybody hears that it is in force */
	return 0;
}

void
candidate_free(struct candidate *candidate, struct server *server)
{
	drop(candidate, server);
	free(candidate);
}
