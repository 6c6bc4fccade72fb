/* Which listeners the loop polls. */
#include "config.h"

#include "master/listeners/watch.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/server.h"

void
watch_say(const struct server *server, const struct listener *listener)
{
	char address[ADDR_TEXT_MAX];

	log_line(LOG_INFO, "listen listener=%s address=%s port=%u",
	    server->stats.rows[listener->row].name,
	    addr_format(&listener->bound, address),
	    (unsigned)listener->bound.port);
}

static void
say_lost(const struct server *server, const struct listener *listener,
    const char *error)
{
	char address[ADDR_TEXT_MAX];

	log_line(LOG_ERR, "lost listener=%s address=%s port=%u error=\"%s\"",
	    server->stats.rows[listener->row].name,
	    addr_format(&listener->bound, address),
	    (unsigned)listener->bound.port, error);
}

/* Nothing else keeps epoll from telling of it for ever. */
static void
lose(struct server *server, struct listener *listener, int64_t now)
{
	int64_t soonest =
	    server->watch.revived + WATCH_REVIVE_SECONDS * CLOCK_SECOND;
	socklen_t length = sizeof(int);
	int error = 0;

	getsockopt(listener->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	say_lost(server, listener,
	    error != 0 ? strerror(error) : "shut down from outside");
	epoll_ctl(server->epoll, EPOLL_CTL_DEL, listener->fd, NULL);
	listener->lost = true;
	server->watch.revive_at = soonest > now ? soonest : now;
}

void
watch_event(
    struct server *server, uint32_t index, uint32_t events, int64_t now)
{
	struct listener *listener = &server->listeners.list[index];

	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		lose(server, listener, now);
	} else {
		listener->readable = true;
		server->watch.n_readable++;
	}
}

bool
watch_take(struct server *server, uint32_t index)
{
	struct listener *listener = &server->listeners.list[index];
	bool readable = listener->readable;

	listener->readable = false;
	server->watch.n_readable -= readable;
	return readable;
}

static void
poll_for(struct server *server, uint32_t index, uint32_t events)
{
	struct listener *listener = &server->listeners.list[index];
	struct epoll_event event = event_make(events, EVENT_LISTENER, index);

	listener->muted = events == 0;
	listener->lost = epoll_ctl(server->epoll, EPOLL_CTL_MOD, listener->fd,
			     &event) == -1;
	if (listener->muted)
		server->watch.any_muted = true;
	if (listener->lost)
		server->watch.revive_at = 0;
}

void
watch_mute(struct server *server, uint32_t index)
{
	poll_for(server, index, 0);
}

void
watch_poll(struct server *server, uint32_t index)
{
	poll_for(server, index, EPOLLIN);
}

/* Returns 0, or -1 with errno. */
static int
revive(struct server *server, uint32_t index)
{
	struct listener *listener = &server->listeners.list[index];

	epoll_ctl(server->epoll, EPOLL_CTL_DEL, listener->fd, NULL);
	if (listen(listener->fd, listener->backlog) == -1 ||
	    event_add(server->epoll, listener->fd, EVENT_LISTENER, index) == -1)
		return -1;
	listener->lost = listener->muted = false;
	listener->error = 0;
	watch_say(server, listener);
	return 0;
}

void
watch_step(struct server *server, int64_t now)
{
	struct listener *listener;
	uint32_t i;
	int error;

	if (now < server->watch.revive_at)
		return;
	server->watch.revive_at = CLOCK_NEVER;
	server->watch.revived = now;
	for (i = 0; i < server->listeners.n; i++) {
		listener = &server->listeners.list[i];
		if (!listener->lost || revive(server, i) == 0)
			continue;
		error = errno;
		if (error != listener->error)
			say_lost(server, listener, strerror(error));
		listener->error = error;
		server->watch.revive_at =
		    now + WATCH_REVIVE_SECONDS * CLOCK_SECOND;
	}
}
