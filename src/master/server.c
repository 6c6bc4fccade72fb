/* The daemon's loop. */
#include "config.h"

#include "master/server.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/listeners/activation.h"
#include "master/system/clock.h"
#include "master/config/conf.h"
#include "master/control/control.h"
#include "master/system/events.h"
#include "master/clients/accept.h"
#include "master/system/notify.h"
#include "master/clients/reap.h"
#include "master/generations/trial.h"

#define EVENTS_MAX 64
#define SIGNALS_MAX 8 /* more come with the next turn */
#define KILL_GRACE CLOCK_SECOND
/* A turn that takes so long has been stopped, or starved. */
#define AWAY (100 * CLOCK_MS)

static void
signals_of(sigset_t *mask)
{
	static const int numbers[] = { SIGCHLD, SIGHUP, SIGTERM, SIGINT,
		SIGQUIT, SIGUSR1 };
	size_t i;

	sigemptyset(mask);
	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(mask, numbers[i]);
}

void
server_block_signals(void)
{
	sigset_t mask;

	signals_of(&mask);
	sigprocmask(SIG_BLOCK, &mask, NULL);
}

static void
init(struct server *server)
{
	const char *failed;
	sigset_t mask;

	server->snapshot = SNAPSHOT_NONE;
	signals_of(&mask);
	server->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (server->epoll == -1 ||
	    (server->signals =
		    signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK)) == -1 ||
	    event_add(server->epoll, server->signals, EVENT_SIGNALS, 0) == -1 ||
	    control_attach(server) == -1)
		fatal(EXIT_SYSTEM, "start: event loop: %s", strerror(errno));
	if (clients_init(&server->clients) == -1)
		fatal(EXIT_SYSTEM, "start: table of clients: %s",
		    strerror(errno));
	linger_init(&server->linger, server->epoll, EVENT_LINGER,
	    LINGER_MS * CLOCK_MS);
	if (admit_init(&server->admit) == -1)
		fatal(EXIT_SYSTEM, "start: table of sources: %s",
		    strerror(errno));
	failed = spawners_init(
	    &server->spawners, server->epoll, server->executable);
	if (failed != NULL)
		fatal(EXIT_SYSTEM, "start: %s: %s", failed, strerror(errno));
}

/* -------------------------------------------------------------------- stopping */

static void
stop_begin(struct server *server, int signal, int64_t now)
{
	if (!server->ready)
		fatal(EXIT_SYSTEM, "start: stopped by signal %d", signal);
	log_line(LOG_NOTICE, "stop signal=%s clients=%u",
	    signal == SIGQUIT ? "QUIT" : signal == SIGINT ? "INT" : "TERM",
	    (unsigned)server->stats.live);
	notify_stopping();
	reload_cancel(server);
	control_cancelled(server, "reload: the daemon is stopping", now);
	listeners_unwatch(&server->listeners, NULL, server->epoll);
	listeners_close(&server->listeners, NULL);
	activation_close();
	server->watch = (struct watch) { .revive_at = CLOCK_NEVER };
	server->stop = STOP_DRAIN;
	server->stop_at =
	    now + server->conf->timeouts.shutdown_ms * CLOCK_MS;
}

/* Clients that have no child yet are ended by the loop's end. */
static void
stop_advance(struct server *server, int64_t now)
{
	bool kill_now = server->stop != STOP_DRAIN;

	server->stop = kill_now ? STOP_KILL : STOP_TERM;
	server->stop_at = now + KILL_GRACE;
	reaper_signal_all(server, kill_now ? SIGKILL : SIGTERM, now);
}

/* TERM, INT: begin, or hurry what has begun.  QUIT: now. */
static void
stop_signal(struct server *server, int signal, int64_t now)
{
	if (server->stop == STOP_NOT)
		stop_begin(server, signal, now);
	else
		stop_advance(server, now);
	if (signal == SIGQUIT) {
		server->stop = STOP_TERM;
		stop_advance(server, now);
	}
}

static bool
stop_step(struct server *server, int64_t now)
{
	if (server->stop == STOP_NOT)
		return false;
	if (server->stats.live == 0 && server->linger.n == 0)
		return true;
	if (now >= server->stop_at)
		stop_advance(server, now);
	return server->stats.live == server->clients.waiting.count &&
	    server->stop != STOP_DRAIN;
}

/* ---------------------------------------------------------------------- signals */

static void
signal_act(struct server *server, const struct signalfd_siginfo *info,
    int64_t now)
{
	switch (info->ssi_signo) {
	case SIGCHLD:
		reaper_hint(server, (pid_t)info->ssi_pid, now);
		spawners_reap(&server->spawners);
		break;
	case SIGHUP:
		server->reload.wanted = true;
		break;
	case SIGUSR1:
		stats_log(&server->stats);
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

/* -------------------------------------------------------------------------- loop */

static void
dispatch(
    struct server *server, const struct epoll_event *event, int64_t now)
{
	switch (event_kind(event)) {
	case EVENT_SIGNALS:
		signals_read(server, now);
		break;
	case EVENT_LISTENER:
		if (server->stop == STOP_NOT)
			watch_event(
			    server, event_index(event), event->events, now);
		break;
	case EVENT_CLIENT:
		reaper_child(server, event_index(event), now);
		break;
	case EVENT_SPAWNER:
		spawners_reap(&server->spawners);
		break;
	case EVENT_CONF: /* reload_step() looks */
		break;
	case EVENT_CONTROL:
		server->control.knocked = true;
		break;
	case EVENT_CONTROL_PEER:
		control_peer_event(
		    server, event_index(event), event->events, now);
		break;
	case EVENT_LINGER:
		linger_event(&server->linger, event_index(event));
		break;
	}
}

/* Milliseconds for epoll_wait(2), rounded up so as not to spin. */
static int
timeout_of(const struct server *server, int64_t now)
{
	int64_t wakeups[] = {
		intake_wakeup(server, now),
		reaper_wakeup(server),
		generation_wakeup(server),
		reload_wakeup(server),
		notify_wakeup(),
		control_wakeup(server),
		linger_wakeup(&server->linger),
		server->watch.revive_at,
		server->stop == STOP_NOT ? CLOCK_NEVER : server->stop_at,
	};
	int64_t next = CLOCK_NEVER;
	size_t i;

	for (i = 0; i < sizeof(wakeups) / sizeof(wakeups[0]); i++)
		if (wakeups[i] < next)
			next = wakeups[i];
	if (next == CLOCK_NEVER)
		return -1;
	if (next <= now)
		return 0;
	next = (next - now + CLOCK_MS - 1) / CLOCK_MS;
	return next > 60000 ? 60000 : (int)next;
}

static void
turn(struct server *server)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t now = clock_now(), end_now;
	int i, n;

	n = epoll_wait(
	    server->epoll, events, EVENTS_MAX, timeout_of(server, now));
	now = clock_now();
	for (i = 0; i < n; i++)
		dispatch(server, &events[i], now);
	intake_accept(server, now);
	control_step(server, now);
	generation_step(server, now);
	reload_step(server, now);
	linger_step(&server->linger, now);
	watch_step(server, now);
	intake_step(server, now);
	reaper_step(server, now);
	intake_resume(server, now);
	control_resume(server);
	notify_alive(now);
	end_now = clock_now();
	if (end_now - now > AWAY)
		spawners_excuse(&server->spawners, end_now);
}

static void
end(struct server *server)
{
	log_line(LOG_NOTICE, "stopped clients=%u log_dropped=%llu",
	    (unsigned)server->stats.live, (unsigned long long)log_dropped());
	trial_abandon(&server->spawners);
	spawners_kill(&server->spawners);
	spawners_free(&server->spawners);
	control_close(server);
	snapshot_free(&server->snapshot);
	messages_free(&server->messages);
	linger_clear(&server->linger);
	clients_free(&server->clients);
	admit_free(&server->admit);
	free(server->stats.rows);
	free(server->conf);
	notify_end();
	close(server->signals);
	close(server->epoll);
	log_close();
}

void
server_run(struct server *server, struct candidate *candidate)
{
	init(server);
	if (generation_try(server, candidate, clock_now()) == -1) {
		log_report(&candidate->report);
		fatal(EXIT_PRIVILEGE, "start: no client could be served");
	}
	while (!stop_step(server, clock_now()))
		turn(server);
	end(server);
}
