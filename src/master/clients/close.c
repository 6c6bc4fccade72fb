/* Closes connections, so that what was sent arrives. */
#include "config.h"

#include "master/clients/close.h"

#include <sys/epoll.h>

#include <errno.h>
#include <stdbool.h>

#include "master/clients/delivery.h"
#include "master/clients/drain.h"
#include "master/clients/finish.h"
#include "master/clients/place.h"
#include "master/clients/service.h"
#include "master/system/clock.h"
#include "master/system/events.h"

/* How much a client may send before we stop discarding it: a talkative client
 * (a POST of 5 MB) must get an orderly end, a flood need not. */
#define CLOSING_BYTES_MAX (UINT64_C(16) << 20)

/* How often to look whether the kernel has delivered the rest, for which there
 * is no event. */
#define LOOK_MIN (1 * CLOCK_MS)
#define LOOK_MAX (64 * CLOCK_MS)

/* What a look at a connection has shown. */
struct view {
	struct delivery delivery;
	bool failed;
	enum outcome outcome; /* when it has failed */
};

static bool
watch(const struct service *service, uint32_t slot)
{
	struct client *client = &service->clients.slots[slot];

	client->closing.watched =
	    event_add(service->epoll, client->fd, EVENT_CLIENT, slot) == 0;
	return client->closing.watched;
}

/* Explicitly: a spawner that is stuck may have a copy of the descriptor, and
 * closing ours would then not end the watch. */
static void
unwatch(struct service *service, struct client *client)
{
	if (client->closing.watched)
		epoll_ctl(service->epoll, EPOLL_CTL_DEL, client->fd, NULL);
	client->closing.watched = false;
}

static void
end(struct service *service, uint32_t slot, enum outcome outcome,
    const struct view *view, int64_t now)
{
	struct client *client = &service->clients.slots[slot];

	unwatch(service, client);
	if (outcome == OUTCOME_GREETED)
		outcome = (enum outcome)client->told;
	finish(service, slot, outcome, &view->delivery, now);
}

/* True while it makes sense to read. */
static bool
is_heard(const struct client *client)
{
	return !client->closing.ended &&
	    client->closing.bytes <= CLOSING_BYTES_MAX;
}

/* The client has closed (EPIPE: it sent its end of stream, then refused our
 * bytes), reset the connection, or become unreachable. */
static void
view_fail(struct view *view, int error)
{
	view->failed = true;
	view->outcome =
	    error == ECONNRESET ? OUTCOME_RESET : OUTCOME_CLIENT_GONE;
}

bool
close_is_done(const struct client *client)
{
	struct delivery delivery = delivery_look(client);

	return delivery.unsent == 0;
}

static struct view
view_of(struct client *client)
{
	struct view view = { 0 };
	int more = is_heard(client) ?
	    drain(client->fd, &client->closing.bytes) : 1;

	if (more == -1)
		view_fail(&view, errno);
	else if (more == 0)
		client->closing.ended = true;
	view.delivery = delivery_look(client);
	if (view.failed)
		return view;
	if (view.delivery.cut)
		view_fail(&view, ECONNRESET);
	else if (view.delivery.unsent > 0 && view.delivery.gone)
		view_fail(&view, client->closing.ended ? EPIPE : ECONNRESET);
	return view;
}

/* Since when a client has taken nothing that had taken something since the last
 * look, which may have been long ago: its linger is over.  But whether its
 * kernel is taking what it was sent only the next looks show, so that half the
 * time is left for them. */
static int64_t
last_moved(
    const struct client *client, const struct delivery *delivery, int64_t now)
{
	int64_t most = client->closing.step, still = delivery->still_us;

	if (most == 0)
		most = client->send_ms * CLOCK_MS / 2;
	return now - (still < most ? still : most);
}

/* When to look again at a client that has not taken everything; CLOCK_NEVER
 * when it has taken nothing for too long. */
static int64_t
next_look(
    struct client *client, const struct delivery *delivery, int64_t now)
{
	struct closing *closing = &client->closing;

	if (delivery->unsent < closing->unsent) {
		closing->unsent = delivery->unsent;
		closing->moved = last_moved(client, delivery, now);
	}
	if (now - closing->moved >= client->send_ms * CLOCK_MS)
		return CLOCK_NEVER;
	closing->step = closing->step == 0 ? LOOK_MIN :
	    closing->step < LOOK_MAX	   ? closing->step * 2 :
					     LOOK_MAX;
	return now + closing->step;
}

/*
 * Decides about the connection: true with the outcome in *outcome, or false
 * with the time of the next look in *next.  A client has timeouts.linger to
 * close from when the kernel has delivered the greeting; delivery may go on as
 * long as the client takes some of it at least every timeouts.send.
 */
static bool
judge(struct client *client, const struct view *view, int64_t now,
    enum outcome *outcome, int64_t *next)
{
	struct closing *closing = &client->closing;

	*outcome = OUTCOME_GREETED;
	if (view->failed) {
		*outcome = view->outcome;
		return true;
	}
	if (view->delivery.unsent == 0 && closing->step != 0) {
		closing->step = 0;
		closing->until = now + client->linger_ms * CLOCK_MS;
	}
	if (client->linger_ms == 0)
		return true;
	if (is_heard(client) && now < closing->until) {
		*next = closing->until;
		return false;
	}
	if (view->delivery.unsent == 0)
		return true;
	*outcome = OUTCOME_SEND_TIMEOUT;
	*next = next_look(client, &view->delivery, now);
	return *next == CLOCK_NEVER;
}

/* Waits until the deadline, or until the client sends something. */
static void
wait_for(struct service *service, uint32_t slot, uint64_t unsent, int64_t next)
{
	struct client *client = &service->clients.slots[slot];

	if (!client_lingers(client)) {
		place_release(service, client);
		counters_linger(&service->counters, client->row);
	}
	client->deadline = clock_earlier(next, client->expires);
	clients_move(&service->clients, slot,
	    unsent > 0 ? CLIENT_CLOSING : CLIENT_LINGERING);
}

void
close_look(struct service *service, uint32_t slot, int64_t now)
{
	struct client *client = &service->clients.slots[slot];
	struct view view = view_of(client);
	enum outcome outcome;
	int64_t next;

	if (judge(client, &view, now, &outcome, &next)) {
		end(service, slot, outcome, &view, now);
		return;
	}
	if (now >= client->expires) {
		end(service, slot, OUTCOME_SESSION_TIMEOUT, &view, now);
		return;
	}
	if (!is_heard(client))
		unwatch(service, client);
	else if (!client->closing.watched && !watch(service, slot)) {
		end(service, slot, OUTCOME_GREETED, &view, now);
		return;
	}
	wait_for(service, slot, view.delivery.unsent, next);
}

void
close_begin(struct service *service, uint32_t slot, int64_t now)
{
	struct client *client = &service->clients.slots[slot];

	client->closing = (struct closing) {
		.until = now + client->linger_ms * CLOCK_MS,
		.unsent = UINT64_MAX,
	};
	close_look(service, slot, now);
}

void
close_cut(struct service *service, uint32_t slot, int64_t now)
{
	struct view view = view_of(&service->clients.slots[slot]);

	end(service, slot,
	    view.delivery.unsent == 0 ? OUTCOME_GREETED : OUTCOME_KILLED,
	    &view, now);
}
