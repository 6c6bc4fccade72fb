/* The order of a turn of the loop, and when the next one is due. */
#include "config.h"

#include "master/turn.h"

#include "master/clients/accept.h"
#include "master/clients/hand_over.h"
#include "master/clients/linger.h"
#include "master/clients/quiet.h"
#include "master/clients/reap.h"
#include "master/first.h"
#include "master/health.h"
#include "master/orphans.h"
#include "master/refresh.h"
#include "master/reload.h"
#include "master/server.h"
#include "master/states.h"
#include "master/stop.h"
#include "master/upgrade.h"
#include "master/system/clock.h"
#include "master/system/notify.h"

#define SLEEP_MAX_MS 60000

/* What is served; NULL: nothing yet. */
static const struct snapshot *
running(const struct server *server)
{
	return server->ready ? &server->running.snapshot : NULL;
}

/* The trial of a generation goes on, or another one begins. */
static void
generation_turn(struct server *server, int64_t now)
{
	switch (generation_step(
	    &server->generation, running(server), now)) {
	case GENERATION_QUIET:
		break;
	case GENERATION_PASSED:
		if (refresh_is_trying(server))
			refresh_passed(server, now);
		else if (server->ready)
			reload_passed(server, now);
		else
			first_passed(server, now);
		break;
	case GENERATION_FAILED:
		if (refresh_is_trying(server))
			refresh_failed(server, now);
		else if (server->ready)
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
	control_resume(&server->control, now);
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
	refresh_step, /* texts that have changed */
	health_step, /* files say what listeners are ready for */
	states_step, /* an operator's word may be over */
	linger_turn,
	watch_turn,
	hand_over_turn, /* learns which clients have a child */
	reap_turn, /* and which children have ended */
	quiet_turn, /* log lines about them */
	upgrade_step, /* while no client is on its way */
	stop_step,
	resume_turn,
	orphans_step, /* whom reap_turn left */
	notify_turn,
};

void
turn_work(struct server *server, int64_t now)
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
	return generation_wakeup(&server->generation, running(server));
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
	refresh_wakeup,
	health_wakeup,
	states_wakeup,
	control_deadline,
	linger_deadline,
	watch_deadline,
	orphans_wakeup,
	upgrade_wakeup,
	stop_deadline,
	notify_deadline,
};

int
turn_sleep(const struct server *server, int64_t now)
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
