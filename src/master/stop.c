/* Stops the daemon. */
#include "config.h"

#include "master/stop.h"

#include <signal.h>

#include "master/begin_anew.h"
#include "master/config/conf.h"
#include "master/clients/serve.h"
#include "master/refresh.h"
#include "master/reload.h"
#include "master/server.h"
#include "master/upgrade.h"
#include "master/system/clock.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"

#define KILL_GRACE CLOCK_SECOND

static void
begin(struct server *server, int signal, int64_t now)
{
	if (!server->ready) {
		if (!begin_anew_defers(signal))
			fatal(EXIT_SYSTEM, "start: stopped by signal %d",
			    signal);
		server->stop.early = signal; /* once the clients are here */
		return;
	}
	notify_stopping();
	upgrade_cancel(server);
	serve_close(&server->service);
	log_event(LOG_NOTICE, "stop",
	    LOG_WORD("signal", signal == SIGQUIT ? "QUIT" :
		signal == SIGINT		 ? "INT" :
						   "TERM"),
	    LOG_NUMBER("clients", server->service.counters.live));
	reload_cancel(server);
	refresh_cancel(server);
	control_stop(&server->control, "control: the daemon is stopping", now);
	server->overview.stopping = true;
	server->stop.stage = STOP_DRAIN;
	server->stop.at =
	    now + server->running.conf->timeouts.shutdown_ms * CLOCK_MS;
}

/* Clients that have no child yet are ended by the loop's end. */
static void
advance(struct server *server, int64_t now)
{
	bool kill_now = server->stop.stage != STOP_DRAIN;

	server->stop.stage = kill_now ? STOP_KILL : STOP_TERM;
	server->stop.at = now + KILL_GRACE;
	serve_end(&server->service, kill_now ? SIGKILL : SIGTERM, now);
}

void
stop_signal(struct server *server, int signal, int64_t now)
{
	if (server->stop.stage == STOP_NOT)
		begin(server, signal, now);
	else
		advance(server, now);
	if (signal == SIGQUIT && server->stop.stage != STOP_NOT) {
		server->stop.stage = STOP_TERM;
		advance(server, now);
	}
}

void
stop_step(struct server *server, int64_t now)
{
	if (now >= server->stop.at && !stop_is_over(server))
		advance(server, now);
}

bool
stop_is_over(const struct server *server)
{
	const struct service *service = &server->service;

	if (server->stop.stage == STOP_NOT)
		return false;
	if (serve_is_idle(service))
		return true;
	return server->stop.stage > STOP_DRAIN &&
	    service->counters.live ==
		service->clients.list[CLIENT_WAITING].count;
}
