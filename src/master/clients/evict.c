/* Makes room among clients that linger. */
#include "config.h"

#include "master/clients/evict.h"

#include <sys/resource.h>

#include <string.h>

#include "master/clients/close.h"
#include "master/clients/service.h"
#include "master/config/conf.h"
#include "master/config/resources.h"

/* Twice PLAN_LINGERING_MAX, so that a free place is near; a power of two. */
#define TALLIES 8192
/* Evicted for one look at all of them, so that a flood of connections that take
 * nothing does not cost a look each. */
#define BATCH 64

/* How many clients of one source linger. */
struct tally {
	uint64_t who;
	uint32_t n; /* 0: a free place */
};

void
evict_configure(struct service *service)
{
	const struct conf *conf = service->setup->conf;
	struct rlimit limit = { 0, 0 };
	int64_t spare;

	getrlimit(RLIMIT_NOFILE, &limit);
	spare = (int64_t)limit.rlim_cur - conf->limits.max_clients -
	    RESOURCES_OTHER_FILES - conf->n_addresses;
	if (limit.rlim_cur > INT32_MAX || spare > PLAN_LINGERING_MAX)
		spare = PLAN_LINGERING_MAX;
	if (spare < EVICT_LEAST)
		spare = EVICT_LEAST;
	service->lingering_max = (uint32_t)spare;
}

static struct tally *
tally_of(struct tally *tallies, uint64_t who)
{
	size_t i = who % TALLIES;

	while (tallies[i].n > 0 && tallies[i].who != who)
		i = (i + 1) % TALLIES;
	tallies[i].who = who;
	return &tallies[i];
}

/* The source that has most of the clients that have yet to take something. */
static struct tally
heaviest(const struct service *service)
{
	static struct tally tallies[TALLIES];
	const struct client *clients = service->clients.slots;
	uint32_t slot = service->clients.list[CLIENT_CLOSING].head;
	struct tally best = { 0, 0 }, *tally;

	memset(tallies, 0, sizeof(tallies));
	for (; slot != CLIENT_NONE; slot = clients[slot].next) {
		tally = tally_of(tallies, clients[slot].who);
		tally->n++;
		if (tally->n > best.n)
			best = *tally;
	}
	return best;
}

/* Half of what the source has, at most: others may have as much then. */
static void
evict_oldest_of(struct service *service, struct tally source, int64_t now)
{
	const struct client *clients = service->clients.slots;
	uint32_t slot = service->clients.list[CLIENT_CLOSING].head, next;
	uint32_t left = source.n / 2;

	if (left > BATCH)
		left = BATCH;
	for (left += left == 0; left > 0 && slot != CLIENT_NONE; slot = next) {
		next = clients[slot].next;
		if (clients[slot].who != source.who)
			continue;
		close_cut(service, slot, now);
		left--;
	}
}

/* The one that has had everything for longest, or CLIENT_NONE.  Some may have
 * got the rest since they were looked at. */
static uint32_t
find_done(const struct service *service)
{
	const struct client *clients = service->clients.slots;
	uint32_t slot = service->clients.list[CLIENT_LINGERING].head;

	if (slot != CLIENT_NONE)
		return slot;
	slot = service->clients.list[CLIENT_CLOSING].head;
	while (slot != CLIENT_NONE && !close_is_done(&clients[slot]))
		slot = clients[slot].next;
	return slot;
}

void
evict_surplus(struct service *service, int64_t now)
{
	uint32_t slot;

	if (service->counters.lingering <= service->lingering_max)
		return;
	slot = find_done(service);
	if (slot != CLIENT_NONE)
		close_cut(service, slot, now);
	else
		evict_oldest_of(service, heaviest(service), now);
}
