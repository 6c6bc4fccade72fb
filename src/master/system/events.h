/* The events of the loop's epoll descriptor. */
#ifndef MASTER_EVENTS_H
#define MASTER_EVENTS_H

#include <sys/epoll.h>

#include <stdint.h>

enum event_kind {
	EVENT_SIGNALS, /* signalfd */
	EVENT_LISTENER, /* index into listeners.list */
	EVENT_SPAWNER, /* any descriptor of the spawner with that index */
	EVENT_CLIENT, /* the child in that slot has ended, or its client speaks */
	EVENT_CONF, /* the reader of the configuration has written */
	EVENT_UPGRADE, /* the trial of a new program has written */
	EVENT_CONTROL, /* a connection to the control socket */
	EVENT_CONTROL_PEER, /* the connection with that index */
	EVENT_PROXY, /* the child in that slot says whom a header declares */
	EVENT_LINGER, /* the refused client with that index */
};

static inline struct epoll_event
event_make(uint32_t events, enum event_kind kind, uint32_t index)
{
	return (struct epoll_event) { .events = events,
		.data.u64 = (uint64_t)kind << 32 | index };
}

static inline enum event_kind
event_kind(const struct epoll_event *event)
{
	return (enum event_kind)(event->data.u64 >> 32);
}

static inline uint32_t
event_index(const struct epoll_event *event)
{
	return (uint32_t)event->data.u64;
}

/* Level-triggered EPOLLIN on fd.  Returns what epoll_ctl(2) returns. */
static inline int
event_add(int epoll, int fd, enum event_kind kind, uint32_t index)
{
	struct epoll_event event = event_make(EPOLLIN, kind, index);

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

/* The same, but each arrival is told once only, until event_level(). */
static inline int
event_add_edge(int epoll, int fd, enum event_kind kind, uint32_t index)
{
	struct epoll_event event = event_make(EPOLLIN | EPOLLET, kind, index);

	return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
}

static inline int
event_level(int epoll, int fd, enum event_kind kind, uint32_t index)
{
	struct epoll_event event = event_make(EPOLLIN, kind, index);

	return epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &event);
}

#endif
