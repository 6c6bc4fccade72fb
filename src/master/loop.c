/* The daemon's loop. */
#include "config.h"

#include "master/loop.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/begin_anew.h"
#include "master/clients/declare.h"
#include "master/clients/quiet.h"
#include "master/clients/reap.h"
#include "master/clients/serve.h"
#include "master/first.h"
#include "master/generations/strays.h"
#include "master/orphans.h"
#include "master/reload.h"
#include "master/resume.h"
#include "master/server.h"
#include "master/states.h"
#include "master/turn.h"
#include "master/stop.h"
#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/system/log.h"
#include "master/system/log_event.h"
#include "master/system/notify.h"
#include "master/system/signals.h"

#define EVENTS_MAX 64
#define SIGNALS_MAX 8 /* more come with the next turn */
/* A turn that takes this long has been stopped or starved. */
#define AWAY (100 * CLOCK_MS)

static void
signals_of(sigset_t *mask)
{
	static const int numbers[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT,
		SIGQUIT, SIGUSR1, SIGUSR2 };
	size_t i;

	sigemptyset(mask);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(mask, numbers[i]);
}

void
loop_block_signals(void)
{
	sigset_t mask;

	signals_of(&mask);
	if (signals_block(&mask) == -1)
		fatal(EXIT_SYSTEM, "start: sigprocmask: %s",
		    errno == 0 ? "not in effect" : strerror(errno));
}

/* NULL, or what failed, with errno. */
static const char *
loop_init(struct server *server)
{
	sigset_t mask;

	signals_of(&mask);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll == -1)
		return "epoll_create1";
	server->signals = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (server->signals == -1)
		return "signalfd";
	if (event_add(server->epoll, server->signals, EVENT_SIGNALS, 0) == -1)
		return "epoll_ctl";
	return NULL;
}

static void
init(struct server *server)
{
	const char *failed = loop_init(server);

	if (!resume_is_on())
		server->running = SETUP_NONE;
	server->upgrade = UPGRADE_NONE;
	server->refresh = REFRESH_NONE;
	server->stop = STOP_NONE;
	server->generation.spawners = &server->spawners;
	server->overview = (struct overview) { .service = &server->service,
		.reload = &server->reload.last };
	server->actions = (struct control_actions) { server, states_order };
	if (failed == NULL &&
	    control_init(&server->control, server->epoll,
		server->control_socket, &server->control_group,
		&server->overview, &server->actions) == -1)
		failed = "control socket";
	if (failed == NULL)
		failed = serve_init(&server->service, server->epoll,
		    &server->running, &server->generation);
	if (failed == NULL)
		failed = spawners_init(&server->spawners, server->epoll,
		    server->executable);
	if (failed != NULL)
		fatal(EXIT_SYSTEM, "start: %s: %s", failed, strerror(errno));
}

/* ---------------------------------------------------------------------- signals */

static void
signal_act(struct server *server, const struct signalfd_siginfo *info,
    int64_t now)
{
	switch (info->ssi_signo) {
	case SIGCHLD:
		reap_hint(&server->service, (pid_t)info->ssi_pid, now);
		spawners_reap(&server->spawners, now);
		strays_hint(&server->spawners);
		child_ended(now);
		break;
	case SIGHUP:
		begin_anew_note(SIGHUP);
		server->reload.wanted = true;
		break;
	case SIGUSR2:
		begin_anew_note(SIGUSR2);
		server->upgrade.wanted = true;
		break;
	case SIGUSR1:
		serve_log_counters(&server->service);
		break;
	default:
		stop_signal(server, (int)info->ssi_signo, now);
		break;
	}
}

static void
signals_read(struct server *server, int64_t now)
{
	struct signalfd_siginfo infos[SIGNALS_MAX];
	ssize_t n = read(server->signals, infos, sizeof(infos));
	size_t i;

	for (i = 0; n > 0 && i < (size_t)n / sizeof(infos[0]); i++)
		signal_act(server, &infos[i], now);
}

/* -------------------------------------------------------------------------- turn */

static void
dispatch(struct server *server, const struct epoll_event *event, int64_t now)
{
	uint32_t index = event_index(event);

	switch (event_kind(event)) {
	case EVENT_SIGNALS:
		signals_read(server, now);
		break;
	case EVENT_LISTENER:
		if (server->stop.stage == STOP_NOT)
			watch_event(&server->service.watch, index,
			    event->events, now);
		break;
	case EVENT_CLIENT:
		reap_child(&server->service, index, now);
		break;
	case EVENT_PROXY:
		declare_event(&server->service, index, now);
		break;
	case EVENT_SPAWNER:
		spawners_reap(&server->spawners, now);
		break;
	case EVENT_CONF: /* reload_step() looks */
	case EVENT_UPGRADE: /* upgrade_step() looks */
		break;
	case EVENT_CONTROL:
		server->control.knocked = true;
		break;
	case EVENT_CONTROL_PEER:
		control_peer_event(
		    &server->control, index, event->events, now);
		break;
	case EVENT_LINGER:
		linger_event(&server->service.linger, index, now);
		break;
	}
}

/* -------------------------------------------------------------------------- loop */

static void
turn(struct server *server)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t now, end_now;
	int i, n;

	n = epoll_wait(server->epoll, events, EVENTS_MAX,
	    turn_sleep(server, clock_now()));
	now = clock_now();
	for (i = 0; i < n; i++)
		dispatch(server, &events[i], now);
	turn_work(server, now);
	end_now = clock_now();
	if (end_now - now > AWAY)
		spawners_excuse(&server->spawners, end_now);
}

static void
end(struct server *server)
{
	quiet_flush(&server->service);
	log_event(LOG_NOTICE, "stopped",
	    LOG_NUMBER("clients", server->service.counters.live),
	    LOG_NUMBER("log_dropped", log_dropped()));
	generation_abandon(&server->generation);
	spawners_kill(&server->spawners);
	spawners_free(&server->spawners);
	control_close(&server->control);
	serve_free(&server->service);
	setup_free(&server->running, NULL);
	notify_end();
	close(server->signals);
	close(server->epoll);
	close(server->reader);
	log_close();
}

void
loop_run(struct server *server, struct candidate *candidate)
{
	init(server);
	resume_counters(server);
	first_begin(server, candidate, clock_now());
	while (!stop_is_over(server))
		turn(server);
	end(server);
}
