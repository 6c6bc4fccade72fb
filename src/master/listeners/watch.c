/* Polling the listeners. */
#include "config.h"

#include "master/listeners/watch.h"

#include <sys/socket.h>

#include <errno.h>
#include <string.h>

#include "master/system/clock.h"
#include "master/system/events.h"
#include "master/system/report.h"
#include "master/listeners/listeners.h"
#include "master/system/log_event.h"

void
watch_init(struct watch *watch, int epoll, struct listeners *listeners)
{
	*watch = (struct watch) { .epoll = epoll, .listeners = listeners,
		.revive_at = CLOCK_NEVER };
}

int
watch_register(const struct watch *watch, const struct listeners *fresh,
    struct report *report)
{
	struct epoll_event quiet = event_make(0, EVENT_LISTENER, 0);
	size_t i;

	for (i = 0; i < fresh->n; i++)
		if (fresh->list[i].fd != -1 && !fresh->list[i].inherited &&
		    epoll_ctl(watch->epoll, EPOLL_CTL_ADD, fresh->list[i].fd,
			&quiet) == -1) {
			report_failure(report, EXIT_SYSTEM, "epoll_ctl: %s",
			    strerror(errno));
			return -1;
		}
	return 0;
}

void
watch_remove(const struct watch *watch, const struct listeners *listeners,
    const struct listeners *keep)
{
	size_t i;

	for (i = 0; i < listeners->n; i++)
		if (listeners->list[i].fd != -1 &&
		    !listeners_have(keep, listeners->list[i].fd))
			epoll_ctl(watch->epoll, EPOLL_CTL_DEL,
			    listeners->list[i].fd, NULL);
}

static void
say(const struct listener *listener)
{
	char address[LISTENER_TEXT_MAX];

	log_event(LOG_INFO, "listen", LOG_WORD("listener", listener->name),
	    LOG_WORD("address", listener_address(listener, address)),
	    LOG_IF(!listener_is_unix(listener),
		LOG_NUMBER("port", listener->bound.port)));
}

static void
say_lost(const struct listener *listener, const char *error)
{
	char address[LISTENER_TEXT_MAX];

	log_event(LOG_ERR, "lost", LOG_WORD("listener", listener->name),
	    LOG_WORD("address", listener_address(listener, address)),
	    LOG_IF(!listener_is_unix(listener),
		LOG_NUMBER("port", listener->bound.port)),
	    LOG_QUOTED("error", error));
}

/* Otherwise epoll would report it for ever. */
static void
lose(struct watch *watch, struct listener *listener, int64_t now)
{
	int64_t soonest =
	    watch->revived + WATCH_REVIVE_SECONDS * CLOCK_SECOND;
	socklen_t length = sizeof(int);
	int error = 0;

	getsockopt(listener->fd, SOL_SOCKET, SO_ERROR, &error, &length);
	say_lost(listener,
	    error != 0 ? strerror(error) : "shut down from outside");
	epoll_ctl(watch->epoll, EPOLL_CTL_DEL, listener->fd, NULL);
	listener->lost = true;
	watch->revive_at = soonest > now ? soonest : now;
}

void
watch_start(struct watch *watch)
{
	struct listener *listener;
	uint32_t i;

	watch->n_readable = 0;
	for (i = 0; i < watch->listeners->n; i++) {
		listener = &watch->listeners->list[i];
		if (listener->fd == -1)
			continue;
		watch_poll(watch, i);
		if (!listener->inherited)
			say(listener);
		listener->inherited = false;
	}
}

void
watch_event(
    struct watch *watch, uint32_t index, uint32_t events, int64_t now)
{
	struct listener *listener = &watch->listeners->list[index];

	if ((events & (EPOLLHUP | EPOLLERR)) != 0) {
		lose(watch, listener, now);
	} else {
		listener->readable = true;
		watch->n_readable++;
	}
}

bool
watch_take(struct watch *watch, uint32_t index)
{
	struct listener *listener = &watch->listeners->list[index];
	bool readable = listener->readable;

	listener->readable = false;
	watch->n_readable -= readable;
	return readable;
}

static void
poll_for(struct watch *watch, uint32_t index, uint32_t events)
{
	struct listener *listener = &watch->listeners->list[index];
	struct epoll_event event = event_make(events, EVENT_LISTENER, index);

	listener->muted = events == 0;
	listener->lost = epoll_ctl(watch->epoll, EPOLL_CTL_MOD, listener->fd,
			     &event) == -1;
	if (listener->muted)
		watch->any_muted = true;
	if (listener->lost)
		watch->revive_at = 0;
}

void
watch_mute(struct watch *watch, uint32_t index)
{
	poll_for(watch, index, 0);
}

void
watch_poll(struct watch *watch, uint32_t index)
{
	poll_for(watch, index, EPOLLIN);
}

/* Returns 0, or -1 with errno. */
static int
revive(struct watch *watch, uint32_t index)
{
	struct listener *listener = &watch->listeners->list[index];

	epoll_ctl(watch->epoll, EPOLL_CTL_DEL, listener->fd, NULL);
	if (listen(listener->fd, listener->backlog) == -1 ||
	    event_add(watch->epoll, listener->fd, EVENT_LISTENER, index) == -1)
		return -1;
	listener->lost = listener->muted = false;
	listener->error = 0;
	say(listener);
	return 0;
}

void
watch_step(struct watch *watch, int64_t now)
{
	struct listener *listener;
	uint32_t i;
	int error;

	if (now < watch->revive_at)
		return;
	watch->revive_at = CLOCK_NEVER;
	watch->revived = now;
	for (i = 0; i < watch->listeners->n; i++) {
		listener = &watch->listeners->list[i];
		if (!listener->lost || revive(watch, i) == 0)
			continue;
		error = errno;
		if (error != listener->error)
			say_lost(listener, strerror(error));
		listener->error = error;
		watch->revive_at =
		    now + WATCH_REVIVE_SECONDS * CLOCK_SECOND;
	}
}
