/* The daemon's loop. */
#include "config.h"

#include "master/loop.h"

#include <sys/signalfd.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/hand_over.h"
#include "master/clients/quiet.h"
#include "master/clients/reap.h"
#include "master/clients/serve.h"
#include "master/first.h"
#include "master/generations/strays.h"
#include "master/orphans.h"
#include "master/reload.h"
#include "master/server.h"
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
#define SLEEP_MAX_MS 60000

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

	server->running = SETUP_NONE;
	server->stop = STOP_NONE;
	server->generation.spawners = &server->spawners;
	server->overview = (struct overview) { .service = &server->service,
		.reload = &server->reload.last };
	if (failed == NULL &&
	    control_init(&server->control, server->epoll,
		server->control_socket, &server->overview) == -1)
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
		server->reload.wanted = true;
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
	case EVENT_SPAWNER:
		spawners_reap(&server->spawners, now);
		break;
	case EVENT_CONF: /* reload_step() looks */
		break;
	case EVENT_CONTROL:
		server->control.knocked = true;
		break;
	case EVENT_CONTROL_PEER:
		control_peer_event(
		    &server->control, index, event->events, now);
		break;
	case EVENT_LINGER:
		linger_event(&server->service.linger, index);
		break;
	}
}

/* The trial of a generation goes on, or another one begins. */
static void
generation_turn(struct server *server, int64_t now)
{
	switch (generation_step(&server->generation,
	    server->ready ? &server->running.snapshot : NULL, now)) {
	case GENERATION_QUIET:
		break;
	case GENERATION_PASSED:
		if (server->ready)
			reload_passed(server, now);
		else
			first_passed(server, now);
		break;
	case GENERATION_FAILED:
		if (server->ready)
			reload_failed(server, now);
		else
			first_failed(server);
		break;
	case GENERATION_STARVED: /* it may be descriptors that lack */
		linger_clear(&server->service.linger);
		break;
	}
}

static void
accept_turn(struct server *server, int64_t now)
{
	accept_step(&server->service, now);
}

static void
control_turn(struct server *server, int64_t now)
{
	control_step(&server->control, now);
}

static void
linger_turn(struct server *server, int64_t now)
{
	linger_step(&server->service.linger, now);
}

static void
watch_turn(struct server *server, int64_t now)
{
	watch_step(&server->service.watch, now);
}

static void
quiet_turn(struct server *server, int64_t now)
{
	quiet_step(&server->service, now);
}

static void
hand_over_turn(struct server *server, int64_t now)
{
	hand_over_step(&server->service, now);
}

static void
reap_turn(struct server *server, int64_t now)
{
	reap_step(&server->service, now);
}

/* Comes after everything that could make room. */
static void
resume_turn(struct server *server, int64_t now)
{
	accept_resume(&server->service, now);
	control_resume(&server->control);
}

static void
notify_turn(struct server *server, int64_t now)
{
	(void)server;
	notify_alive(now);
}

/* The order of a turn, after the events: what makes room comes before what
 * fills it. */
static void (*const turn_steps[])(struct server *server, int64_t now) = {
	accept_turn, /* clients, in order of arrival */
	control_turn, /* a reload may be asked for */
	generation_turn, /* a trial's end frees its place for the reload's */
	reload_step,
	linger_turn,
	watch_turn,
	hand_over_turn, /* learns which clients have a child */
	reap_turn, /* and which children have ended */
	quiet_turn, /* log lines about them */
	stop_step,
	resume_turn,
	orphans_step, /* whom reap_turn left */
	notify_turn,
};

void
loop_work(struct server *server, int64_t now)
{
	size_t i;

	for (i = 0; i < sizeof(turn_steps) / sizeof(turn_steps[0]); i++)
		turn_steps[i](server, now);
}

/* --------------------------------------------------------------------- deadlines */

static int64_t
accept_deadline(const struct server *server)
{
	return accept_wakeup(&server->service);
}

static int64_t
hand_over_deadline(const struct server *server)
{
	return hand_over_wakeup(&server->service);
}

static int64_t
reap_deadline(const struct server *server)
{
	return reap_wakeup(&server->service);
}

static int64_t
quiet_deadline(const struct server *server)
{
	return quiet_wakeup(&server->service);
}

static int64_t
generation_deadline(const struct server *server)
{
	return generation_wakeup(&server->generation);
}

static int64_t
control_deadline(const struct server *server)
{
	return control_wakeup(&server->control);
}

static int64_t
linger_deadline(const struct server *server)
{
	return linger_wakeup(&server->service.linger);
}

static int64_t
watch_deadline(const struct server *server)
{
	return server->service.watch.revive_at;
}

static int64_t
stop_deadline(const struct server *server)
{
	return server->stop.at;
}

static int64_t
notify_deadline(const struct server *server)
{
	(void)server;
	return notify_wakeup();
}

/*
 * When each part has something to do though no descriptor says so: a point in
 * time, or CLOCK_NEVER.  None of them knows what time it is.  A deadline that
 * has passed is therefore still a deadline, until the part's step has dealt with
 * it, however long a turn takes.
 */
static int64_t (*const deadlines[])(const struct server *server) = {
	accept_deadline,
	hand_over_deadline,
	reap_deadline,
	quiet_deadline,
	generation_deadline,
	reload_wakeup,
	control_deadline,
	linger_deadline,
	watch_deadline,
	orphans_wakeup,
	stop_deadline,
	notify_deadline,
};

int
loop_sleep(const struct server *server, int64_t now)
{
	int64_t next = CLOCK_NEVER;
	size_t i;

	for (i = 0; i < sizeof(deadlines) / sizeof(deadlines[0]); i++)
		next = clock_earlier(next, deadlines[i](server));
	if (next == CLOCK_NEVER)
		return -1;
	if (next <= now)
		return 0;
	next = (next - now + CLOCK_MS - 1) / CLOCK_MS;
	return next > SLEEP_MAX_MS ? SLEEP_MAX_MS : (int)next;
}

/* -------------------------------------------------------------------------- loop */

static void
turn(struct server *server)
{
	struct epoll_event events[EVENTS_MAX];
	int64_t now, end_now;
	int i, n;

	n = epoll_wait(server->epoll, events, EVENTS_MAX,
	    loop_sleep(server, clock_now()));
	now = clock_now();
	for (i = 0; i < n; i++)
		dispatch(server, &events[i], now);
	loop_work(server, now);
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
	log_close();
}

void
loop_run(struct server *server, struct candidate *candidate)
{
	init(server);
	first_begin(server, candidate, clock_now());
	while (!stop_is_over(server))
		turn(server);
	end(server);
}
