/* The lingering close of refused clients. */
#include "config.h"

#include "master/clients/linger.h"

#include <unistd.h>

#include "master/clients/drain.h"
#include "master/system/clock.h"

#define NOBODY UINT32_MAX

void
linger_init(
    struct linger_set *set, int epoll, enum event_kind kind, int64_t time)
{
	uint32_t i;

	set->epoll = epoll;
	set->kind = kind;
	set->time = time;
	set->n = 0;
	set->oldest = set->youngest = NOBODY;
	set->free = 0;
	for (i = 0; i < LINGER_MAX; i++) {
		set->slots[i].fd = -1;
		set->slots[i].next = i + 1 < LINGER_MAX ? i + 1 : NOBODY;
	}
}

/* False: it is over. */
static bool
is_going_on(struct lingering *lingering)
{
	return drain(lingering->fd, &lingering->bytes) == 1 &&
	    lingering->bytes < LINGER_BYTES_MAX;
}

static void
push(struct linger_set *set, uint32_t index)
{
	struct lingering *lingering = &set->slots[index];

	lingering->next = NOBODY;
	lingering->prev = set->youngest;
	if (set->youngest == NOBODY)
		set->oldest = index;
	else
		set->slots[set->youngest].next = index;
	set->youngest = index;
	set->n++;
}

static void
unlink_slot(struct linger_set *set, uint32_t index)
{
	const struct lingering *lingering = &set->slots[index];

	if (lingering->prev == NOBODY)
		set->oldest = lingering->next;
	else
		set->slots[lingering->prev].next = lingering->next;
	if (lingering->next == NOBODY)
		set->youngest = lingering->prev;
	else
		set->slots[lingering->next].prev = lingering->prev;
	set->n--;
}

/* A spawner that is stuck may have a copy of the descriptor: closing ours would
 * then not end the watch. */
static void
end(struct linger_set *set, uint32_t index)
{
	struct lingering *lingering = &set->slots[index];

	epoll_ctl(set->epoll, EPOLL_CTL_DEL, lingering->fd, NULL);
	close(lingering->fd);
	lingering->fd = -1;
	unlink_slot(set, index);
	lingering->next = set->free;
	set->free = index;
}

/* Before its time, so what has come meanwhile is discarded first. */
static void
end_early(struct linger_set *set, uint32_t index)
{
	drain(set->slots[index].fd, &set->slots[index].bytes);
	end(set, index);
}

bool
linger_give_up(struct linger_set *set)
{
	if (set->oldest == NOBODY)
		return false;
	end_early(set, set->oldest);
	return true;
}

void
linger_clear(struct linger_set *set)
{
	while (linger_give_up(set))
		continue;
}

void
linger_add(struct linger_set *set, int fd, int64_t now)
{
	struct lingering *lingering;
	uint32_t index;

	if (set->free == NOBODY)
		linger_give_up(set);
	index = set->free;
	lingering = &set->slots[index];
	set->free = lingering->next;
	lingering->fd = fd;
	lingering->until = now + set->time;
	lingering->bytes = 0;
	push(set, index);
	if (event_add(set->epoll, fd, set->kind, index) == -1)
		end_early(set, index);
}

void
linger_event(struct linger_set *set, uint32_t index)
{
	if (set->slots[index].fd != -1 && !is_going_on(&set->slots[index]))
		end(set, index);
}

void
linger_step(struct linger_set *set, int64_t now)
{
	while (set->oldest != NOBODY && set->slots[set->oldest].until <= now)
		end_early(set, set->oldest);
}

int64_t
linger_wakeup(const struct linger_set *set)
{
	return set->oldest == NOBODY ? CLOCK_NEVER
				     : set->slots[set->oldest].until;
}
