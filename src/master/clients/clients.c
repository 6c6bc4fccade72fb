/* The table of clients. */
#include "config.h"

#include "master/clients/clients.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
clients_init(struct clients *clients)
{
	static const struct client_list empty = { CLIENT_NONE, CLIENT_NONE, 0 };
	size_t phase;

	memset(clients, 0, sizeof(*clients));
	clients->free = CLIENT_NONE;
	for (phase = 0; phase < CLIENT_PHASES; phase++)
		clients->list[phase] = empty;
	clients->slots = calloc(PLAN_CLIENT_SLOTS, sizeof(*clients->slots));
	clients->heap = calloc(PLAN_CLIENT_SLOTS, sizeof(*clients->heap));
	clients->hints = calloc(CLIENT_HINTS, sizeof(*clients->hints));
	return clients->slots == NULL || clients->heap == NULL ||
		clients->hints == NULL ?
	    -1 :
	    0;
}

void
clients_free(struct clients *clients)
{
	uint32_t slot = clients->list[CLIENT_WAITING].head;

	for (; slot != CLIENT_NONE; slot = clients->slots[slot].next)
		close(clients->slots[slot].fd);
	free(clients->slots);
	free(clients->heap);
	free(clients->hints);
}

uint32_t
clients_add(struct clients *clients)
{
	struct client *client;
	uint32_t slot = clients->free;

	if (slot != CLIENT_NONE)
		clients->free = clients->slots[slot].next;
	else if (clients->used < PLAN_CLIENT_SLOTS)
		slot = clients->used++;
	else
		return CLIENT_NONE;
	client = &clients->slots[slot];
	memset(client, 0, sizeof(*client));
	client->fd = client->pidfd = -1;
	client->pair = client->pair_child = -1;
	client->source = ADMIT_NO_SOURCE;
	client->id = ++clients->last_id;
	client->next = client->prev = CLIENT_NONE;
	return slot;
}

/* ------------------------------------------------------- the heap of deadlines */

static void
heap_put(struct clients *clients, uint32_t place, uint32_t slot)
{
	clients->heap[place] = slot;
	clients->slots[slot].heap = place;
}

static int64_t
heap_deadline(const struct clients *clients, uint32_t place)
{
	return clients->slots[clients->heap[place]].deadline;
}

/* Moves the slot up from place until its parent is not later. */
static void
heap_rise(struct clients *clients, uint32_t place, uint32_t slot)
{
	int64_t deadline = clients->slots[slot].deadline;
	uint32_t parent;

	for (; place > 0; place = parent) {
		parent = (place - 1) / 2;
		if (heap_deadline(clients, parent) <= deadline)
			break;
		heap_put(clients, place, clients->heap[parent]);
	}
	heap_put(clients, place, slot);
}

/* Moves the slot down from place until no child is earlier. */
static void
heap_sink(struct clients *clients, uint32_t place, uint32_t slot)
{
	int64_t deadline = clients->slots[slot].deadline;
	uint32_t child;

	for (; (child = 2 * place + 1) < clients->n_heap; place = child) {
		if (child + 1 < clients->n_heap &&
		    heap_deadline(clients, child + 1) <
			heap_deadline(clients, child))
			child++;
		if (heap_deadline(clients, child) >= deadline)
			break;
		heap_put(clients, place, clients->heap[child]);
	}
	heap_put(clients, place, slot);
}

static void
heap_add(struct clients *clients, uint32_t slot)
{
	heap_rise(clients, clients->n_heap++, slot);
}

static void
heap_remove(struct clients *clients, uint32_t slot)
{
	uint32_t place = clients->slots[slot].heap;
	uint32_t last = clients->heap[--clients->n_heap];

	if (last == slot)
		return;
	heap_rise(clients, place, last);
	heap_sink(clients, clients->slots[last].heap, last);
}

uint32_t
clients_next_due(const struct clients *clients)
{
	return clients->n_heap == 0 ? CLIENT_NONE : clients->heap[0];
}

/* -------------------------------------------------------------------- phases */

/* Where a client of that phase is found, apart from its slot. */
static const struct {
	bool list; /* in clients->list[phase] */
	bool ordered; /* by their ids there, else who came last is last */
	bool deadline; /* in the heap */
} places[CLIENT_PHASES] = {
	[CLIENT_WAITING] = { .list = true, .ordered = true },
	[CLIENT_YOUNG] = { .list = true },
	[CLIENT_WATCHED] = { .deadline = true },
	[CLIENT_UNWATCHED] = { .list = true, .deadline = true },
	[CLIENT_CLOSING] = { .list = true, .deadline = true },
	[CLIENT_LINGERING] = { .list = true, .deadline = true },
};

/* Puts it before another one, CLIENT_NONE: at the end. */
static void
list_insert(struct clients *clients, struct client_list *list, uint32_t slot,
    uint32_t before)
{
	struct client *client = &clients->slots[slot];

	client->next = before;
	client->prev = before == CLIENT_NONE ? list->tail :
					       clients->slots[before].prev;
	if (client->prev == CLIENT_NONE)
		list->head = slot;
	else
		clients->slots[client->prev].next = slot;
	if (before == CLIENT_NONE)
		list->tail = slot;
	else
		clients->slots[before].prev = slot;
	list->count++;
}

/* The first one with a higher id, CLIENT_NONE: there is none. */
static uint32_t
list_place(const struct clients *clients, const struct client_list *list,
    uint64_t id)
{
	uint32_t slot = list->head;

	if (list->tail == CLIENT_NONE || clients->slots[list->tail].id < id)
		return CLIENT_NONE;
	while (clients->slots[slot].id < id)
		slot = clients->slots[slot].next;
	return slot;
}

static void
list_unlink(struct clients *clients, struct client_list *list, uint32_t slot)
{
	const struct client *client = &clients->slots[slot];

	if (client->prev == CLIENT_NONE)
		list->head = client->next;
	else
		clients->slots[client->prev].next = client->next;
	if (client->next == CLIENT_NONE)
		list->tail = client->prev;
	else
		clients->slots[client->next].prev = client->prev;
	list->count--;
}

void
clients_move(struct clients *clients, uint32_t slot, enum client_phase phase)
{
	struct client *client = &clients->slots[slot];

	if (places[client->phase].list)
		list_unlink(clients, &clients->list[client->phase], slot);
	if (places[client->phase].deadline)
		heap_remove(clients, slot);
	client->phase = (uint8_t)phase;
	if (places[phase].list)
		list_insert(clients, &clients->list[phase], slot,
		    places[phase].ordered ? list_place(clients,
			&clients->list[phase], client->id) : CLIENT_NONE);
	if (places[phase].deadline)
		heap_add(clients, slot);
}

void
clients_remove(struct clients *clients, uint32_t slot)
{
	clients_move(clients, slot, CLIENT_FREE);
	clients->slots[slot].next = clients->free;
	clients->free = slot;
}

void
clients_hint(struct clients *clients, uint32_t slot)
{
	pid_t pid = clients->slots[slot].pid;

	clients->hints[(uint32_t)pid % CLIENT_HINTS] = slot;
}

bool
clients_have(const struct clients *clients, pid_t pid)
{
	uint32_t slot;

	for (slot = 0; slot < clients->used; slot++)
		if (clients->slots[slot].phase >= CLIENT_YOUNG &&
		    clients->slots[slot].pid == pid)
			return true;
	return false;
}

uint32_t
clients_find(const struct clients *clients, pid_t pid)
{
	uint32_t slot = clients->hints[(uint32_t)pid % CLIENT_HINTS];
	const struct client *client = &clients->slots[slot];

	return client->phase >= CLIENT_YOUNG && client->pid == pid ?
	    slot :
	    CLIENT_NONE;
}
