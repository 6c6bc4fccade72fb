/* The lingering close of refused clients. */
#include "config.h"

#include "master/clients/linger.h"

#include <sys/socket.h>
#include <sys/types.h>

#include <assert.h>
#include <errno.h>
#include <string.h>
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

/* How much of the answer it gets: none yet, while what it has said may become
 * "HEAD "; -1: it has gone. */
static ssize_t
judge(const struct lingering *lingering)
{
	static const char word[] = "HEAD ";
	char said[sizeof(word) - 1];
	ssize_t n = recv(
	    lingering->fd, said, sizeof(said), MSG_PEEK | MSG_DONTWAIT);

	if (n <= 0)
		return n == -1 && (errno == EAGAIN || errno == EINTR) ? 0 : -1;
	if (memcmp(said, word, (size_t)n) != 0)
		return lingering->owed;
	return n == sizeof(said) ? (ssize_t)lingering->owed_head : 0;
}

/* Sends it what it has asked for by now, as judge() says. */
static ssize_t
answer(struct linger_set *set, uint32_t index)
{
	struct lingering *lingering = &set->slots[index];
	ssize_t n = judge(lingering);

	if (n <= 0)
		return n;
	send(lingering->fd, set->owed[index], (size_t)n,
	    MSG_DONTWAIT | MSG_NOSIGNAL);
	shutdown(lingering->fd, SHUT_WR);
	lingering->owed = 0;
	return n;
}

/* Before its time, so what has come meanwhile is discarded first; if that asks
 * for an answer, it has it. */
static void
end_early(struct linger_set *set, uint32_t index)
{
	if (set->slots[index].owed != 0)
		(void)answer(set, index);
	drain(set->slots[index].fd, &set->slots[index].bytes);
	end(set, index);
}

/* Who has said nothing goes first. */
static uint32_t
find_first(const struct linger_set *set)
{
	uint32_t index = set->oldest;

	while (index != NOBODY && set->slots[index].owed == 0)
		index = set->slots[index].next;
	return index == NOBODY ? set->oldest : index;
}

bool
linger_give_up(struct linger_set *set)
{
	uint32_t index = find_first(set);

	if (index == NOBODY)
		return false;
	end_early(set, index);
	return true;
}

void
linger_clear(struct linger_set *set)
{
	while (linger_give_up(set))
		continue;
}

/* A place for fd; its index. */
static uint32_t
take(struct linger_set *set, int fd, int64_t now)
{
	struct lingering *lingering;
	uint32_t index;

	if (set->free == NOBODY)
		linger_give_up(set);
	index = set->free;
	lingering = &set->slots[index];
	set->free = lingering->next;
	*lingering = (struct lingering) { .fd = fd, .until = now + set->time };
	push(set, index);
	return index;
}

void
linger_add(struct linger_set *set, int fd, int64_t now)
{
	uint32_t index = take(set, fd, now);

	if (event_add(set->epoll, fd, set->kind, index) == -1)
		end_early(set, index);
}

/* ------------------------------------------------------------ owed an answer */

void
linger_owe(struct linger_set *set, int fd, const char *bytes, size_t length,
    size_t head, int64_t now)
{
	uint32_t index = take(set, fd, now);
	struct lingering *lingering = &set->slots[index];

	assert(length > 0 && length <= LINGER_OWED_MAX && head <= length);
	memcpy(set->owed[index], bytes, length);
	lingering->owed = (uint32_t)length;
	lingering->owed_head = (uint32_t)head;
	/* Each event once: a part of "HEAD " stays where it is. */
	if (event_add_edge(set->epoll, fd, set->kind, index) == -1)
		end_early(set, index);
}

void
linger_restore(struct linger_set *set, const struct lingering *lingering,
    const char owed[LINGER_OWED_MAX])
{
	uint32_t index = take(set, lingering->fd, 0), next, prev;
	struct lingering *taken = &set->slots[index];
	int result;

	next = taken->next;
	prev = taken->prev;
	*taken = *lingering;
	taken->next = next;
	taken->prev = prev;
	memcpy(set->owed[index], owed, LINGER_OWED_MAX);
	result = taken->owed == 0 ?
	    event_add(set->epoll, taken->fd, set->kind, index) :
	    event_add_edge(set->epoll, taken->fd, set->kind, index);
	if (result == -1)
		end_early(set, index);
}

/* It has said something. */
static void
pay(struct linger_set *set, uint32_t index, int64_t now)
{
	struct lingering *lingering = &set->slots[index];
	ssize_t n = answer(set, index);

	if (n == -1)
		end(set, index);
	if (n <= 0)
		return;
	unlink_slot(set, index);
	lingering->until = now + set->time;
	push(set, index);
	if (!is_going_on(lingering) ||
	    event_level(set->epoll, lingering->fd, set->kind, index) == -1)
		end(set, index);
}

void
linger_event(struct linger_set *set, uint32_t index, int64_t now)
{
	struct lingering *lingering = &set->slots[index];

	if (lingering->fd != -1 && lingering->owed != 0)
		pay(set, index, now);
	else if (lingering->fd != -1 && !is_going_on(lingering))
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
