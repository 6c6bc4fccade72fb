/* Carrying clients over an exec. */
#include "config.h"

#include "master/clients/carry.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/clients/close.h"
#include "master/clients/proxy.h"
#include "master/clients/service.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/events.h"
#include "master/system/pack.h"

/* --------------------------------------------------------------------- tables */

static const struct pack_field client_fields[] = {
	PACK_FIELD(client, fd),
	PACK_FIELD(client, pidfd),
	PACK_FIELD(client, pid),
	PACK_FIELD(client, group),
	PACK_FIELD(client, row),
	PACK_FIELD(client, phase),
	PACK_FIELD(client, ending),
	PACK_FIELD(client, log),
	PACK_FIELD(client, state),
	PACK_FIELD(client, weight),
	PACK_FIELD(client, quiet),
	PACK_FIELD(client, asks),
	PACK_FIELD(client, holds),
	PACK_FIELD(client, told),
	PACK_FIELD(client, proxied),
	PACK_FIELD(client, why),
	PACK_FIELD(client, unnamed),
	PACK_FIELD(client, pair),
	PACK_FIELD(client, header),
	PACK_FIELD(client, proxy),
	PACK_FIELD(client, who),
	PACK_FIELD(client, greeting_length),
	PACK_FIELD(client, send_ms),
	PACK_FIELD(client, linger_ms),
	PACK_FIELD(client, cpu_s),
	PACK_FIELD(client, limit),
	PACK_FIELD(client, retry_after),
	PACK_FIELD(client, own_text),
	PACK_FIELD(client, id),
	PACK_FIELD(client, generation),
	PACK_FIELD(client, accepted),
	PACK_FIELD(client, expires),
	PACK_FIELD(client, until),
	PACK_FIELD(client, deadline),
	PACK_FIELD(client, peer),
	PACK_FIELD(client, local),
	PACK_FIELD(client, cpu_us),
	PACK_FIELD(client, closing.ended),
	PACK_FIELD(client, closing.bytes),
	PACK_FIELD(client, closing.unsent),
	PACK_FIELD(client, closing.until),
	PACK_FIELD(client, closing.moved),
	PACK_FIELD(client, closing.step),
};
static const struct pack_table client_table =
    PACK_TABLE("clients", client_fields);

/* One of struct groups. */
struct carried_group {
	uint32_t index; /* that clients name */
	pid_t id;
};
static const struct pack_field group_fields[] = {
	PACK_FIELD(carried_group, index),
	PACK_FIELD(carried_group, id),
};
static const struct pack_table group_table = PACK_TABLE("groups", group_fields);

/* Refused clients that linger. */
struct carried_lingering {
	struct lingering lingering;
	char owed[LINGER_OWED_MAX];
};
static const struct pack_field lingering_fields[] = {
	{ "fd", offsetof(struct carried_lingering, lingering.fd), sizeof(int) },
	{ "until", offsetof(struct carried_lingering, lingering.until),
	    sizeof(int64_t) },
	{ "bytes", offsetof(struct carried_lingering, lingering.bytes),
	    sizeof(uint64_t) },
	{ "owed_length", offsetof(struct carried_lingering, lingering.owed),
	    sizeof(uint32_t) },
	{ "owed_head", offsetof(struct carried_lingering, lingering.owed_head),
	    sizeof(uint32_t) },
	PACK_FIELD(carried_lingering, owed),
};
static const struct pack_table lingering_table =
    PACK_TABLE("lingering", lingering_fields);

/* -------------------------------------------------------------------- writing */

static void
pack_clients(struct pack *pack, const struct clients *clients)
{
	const struct client *client = clients->slots;
	const struct client *end = client + clients->used;

	pack_table(pack, &client_table);
	for (; client < end; client++) {
		if (client->phase == CLIENT_FREE)
			continue;
		pack_row(pack, &client_table, client);
		pack_fd(pack, client->fd);
		pack_fd(pack, client->pidfd);
		if (client->phase >= CLIENT_YOUNG)
			pack_fd(pack, client->pair);
	}
}

static void
pack_groups(struct pack *pack, const struct groups *groups)
{
	struct carried_group carried;
	uint32_t i;

	pack_table(pack, &group_table);
	for (i = 0; i < groups->used; i++) {
		carried = (struct carried_group) { i, groups->list[i].id };
		if (carried.id != 0)
			pack_row(pack, &group_table, &carried);
	}
}

static void
pack_lingering(struct pack *pack, const struct linger_set *set)
{
	struct carried_lingering carried;
	uint32_t i;

	pack_table(pack, &lingering_table);
	for (i = set->oldest; i < LINGER_MAX; i = set->slots[i].next) {
		carried.lingering = set->slots[i];
		memcpy(carried.owed, set->owed[i], sizeof(carried.owed));
		pack_row(pack, &lingering_table, &carried);
		pack_fd(pack, set->slots[i].fd);
	}
}

void
carry_pack_clients(struct pack *pack, const struct service *service)
{
	pack_clients(pack, &service->clients);
	pack_groups(pack, &service->generation->spawners->groups);
	pack_lingering(pack, &service->linger);
}

/* -------------------------------------------------------------------- reading */

/* Those of spawners that are gone, or about to go: nobody joins them. */
static uint32_t *
unpack_groups(const struct unpack *unpack, struct groups *groups)
{
	struct carried_group carried;
	size_t i, n = unpack_count(unpack, &group_table);
	uint32_t *index = malloc(GROUPS_MAX * sizeof(*index));

	if (index == NULL)
		return NULL;
	for (i = 0; i < GROUPS_MAX; i++)
		index[i] = GROUP_NONE;
	for (i = 0; i < n; i++) {
		carried = (struct carried_group) { GROUPS_MAX, 0 };
		unpack_row(unpack, &group_table, i, &carried);
		if (carried.index < GROUPS_MAX)
			index[carried.index] =
			    groups_restore(groups, carried.id);
	}
	return index;
}

/* In the epoll set again, as its phase has it. */
static int
watch(struct service *service, uint32_t slot)
{
	struct client *client = &service->clients.slots[slot];

	if (client->pair != -1 &&
	    event_add(service->epoll, client->pair, EVENT_PROXY, slot) == -1)
		return -1;
	if (client->pidfd != -1)
		return event_add(
		    service->epoll, client->pidfd, EVENT_CLIENT, slot);
	if (client->phase < CLIENT_CLOSING)
		return 0;
	client->closing.watched = true;
	return event_add(service->epoll, client->fd, EVENT_CLIENT, slot);
}

/* Numbers that another program reads: who changes one gives its field another
 * name. */
_Static_assert(CLIENT_WAITING == 1 && CLIENT_HANDED == 2 &&
	CLIENT_YOUNG == 3 && CLIENT_WATCHED == 4 && CLIENT_UNWATCHED == 5 &&
	CLIENT_CLOSING == 6 && CLIENT_LINGERING == 7,
    "phase");
_Static_assert(ENDING_NOT == 0 && ENDING_DEADLINE == 1 &&
	ENDING_SHUTDOWN == 2, "ending");
_Static_assert(PROXIED_NOT == 0 && PROXIED_AWAITED == 1 &&
	PROXIED_KNOWN == 2 && PROXIED_AGAIN == 3 && PROXIED_REFUSED == 4 &&
	PROXIED_LIED == 5, "proxied");

/* The child works from a plan of the last program, which has its own serial: a
 * header that it reads now is its last work. */
static void
restore_proxied(struct service *service, struct client *client)
{
	client->plan = 0;
	client->pair_child = -1;
	if (client->phase < CLIENT_YOUNG)
		client->pair = -1;
	if (client->proxied == PROXIED_AWAITED)
		service->awaited++;
}

static int
add_client(struct service *service, const struct client *carried,
    const uint32_t *index)
{
	struct clients *clients = &service->clients;
	struct groups *groups = &service->generation->spawners->groups;
	enum client_phase phase = (enum client_phase)carried->phase;
	uint64_t last_id = clients->last_id;
	uint32_t slot = clients_add(clients);
	struct client *client;

	if (slot == CLIENT_NONE)
		return -1;
	client = &clients->slots[slot];
	*client = *carried;
	clients->last_id = last_id;
	client->source = ADMIT_NO_SOURCE;
	client->next = client->prev = CLIENT_NONE;
	restore_proxied(service, client);
	client->phase = CLIENT_FREE;
	if (phase >= CLIENT_YOUNG && phase < CLIENT_CLOSING) {
		client->group = index[client->group];
		groups_know(groups, client->group, client->pid);
		clients_hint(clients, slot);
	}
	clients_move(clients, slot, phase);
	return watch(service, slot);
}

/* One that cannot be is not taken. */
static bool
is_sound(const struct client *client, const uint32_t *index, size_t n_rows)
{
	if (client->phase <= CLIENT_FREE || client->phase >= CLIENT_PHASES ||
	    client->phase == CLIENT_HANDED || client->row >= n_rows ||
	    client->fd < 0 || client->proxied > PROXIED_LIED)
		return false;
	return client->phase < CLIENT_YOUNG ||
	    client->phase >= CLIENT_CLOSING ||
	    (client->pid > 0 && client->pid < GROUPS_PID_LIMIT &&
		client->group < GROUPS_MAX &&
		index[client->group] != GROUP_NONE);
}

static const char *
unpack_clients(const struct unpack *unpack, struct service *service)
{
	struct groups *groups = &service->generation->spawners->groups;
	size_t i, n = unpack_count(unpack, &client_table);
	uint32_t *index = unpack_groups(unpack, groups);
	const char *failed = index == NULL ? "table of groups" : NULL;
	struct client client;

	for (i = 0; i < n && failed == NULL; i++) {
		client = (struct client) { .fd = -1, .pidfd = -1, .pair = -1 };
		unpack_row(unpack, &client_table, i, &client);
		if (client.phase == CLIENT_HANDED)
			continue; /* this is a trial */
		errno = EPROTO;
		if (!is_sound(&client, index, service->counters.n_rows))
			failed = "a client";
		else if (add_client(service, &client, index) == -1)
			failed = "taking a client";
	}
	for (i = 0; i < GROUPS_MAX && failed == NULL; i++)
		if (index[i] != GROUP_NONE)
			groups_close(groups, index[i]);
	free(index);
	return failed;
}

static void
unpack_lingering(const struct unpack *unpack, struct linger_set *set)
{
	struct carried_lingering carried;
	size_t i, n = unpack_count(unpack, &lingering_table);

	for (i = 0; i < n; i++) {
		memset(&carried, 0, sizeof(carried));
		carried.lingering.fd = -1;
		unpack_row(unpack, &lingering_table, i, &carried);
		if (carried.lingering.fd >= 0 &&
		    carried.lingering.owed <= sizeof(carried.owed))
			linger_restore(set, &carried.lingering, carried.owed);
	}
}

const char *
carry_unpack_clients(const struct unpack *unpack, struct service *service)
{
	const char *failed = unpack_clients(unpack, service);

	if (failed == NULL)
		unpack_lingering(unpack, &service->linger);
	service->reap.children_ended = true; /* whom nobody has asked after yet */
	return failed;
}
