/* Reaps clients' children, and ends those that take too long. */
#include "config.h"

#include "master/clients/reap.h"

#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/config/resources.h"
#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/clients/close.h"
#include "master/clients/delivery.h"
#include "master/clients/evict.h"
#include "master/system/events.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/clients/declare.h"
#include "master/clients/finish.h"
#include "master/clients/proxy.h"
#include "master/clients/service.h"

/* A miss of wait4(pid) costs 0.4 us: this many in a pass do not matter. */
#define PASS_MISSES 8
/* The time between passes, shorter when the last one did not get to all
 * children or SIGCHLD has come. The child that SIGCHLD names is reaped at once;
 * the others can wait this long, so that there are fewer misses; but not while
 * somebody waits for room. */
#define PASS_INTERVAL (10 * CLOCK_MS)
#define PASS_RESUME (1 * CLOCK_MS)
/* Most clients end within milliseconds; the least timeouts.session is 100. */
#define OLD_AGE (100 * CLOCK_MS)
/* The child's own timer comes first; then we send TERM, then KILL. */
#define DEADLINE_GRACE (250 * CLOCK_MS)
#define TERM_GRACE (500 * CLOCK_MS)
/* At RLIMIT_CPU, soft and hard the same, the kernel sends SIGKILL.  It counts
 * ticks for that, but without what a hypervisor took for us: of each second it
 * may tell us of less.  One that serves uses a thousandth of that, so that
 * whoever else kills it is not taken for the kernel. */
#define CPU_ACCOUNTED (250 * CLOCK_MS)

/* --------------------------------------------------------------- what it was */

static enum outcome
outcome_of(const struct client *client, int status)
{
	enum outcome outcome = outcome_of_status(status);

	if (outcome == OUTCOME_KILLED && client->ending == ENDING_DEADLINE)
		return OUTCOME_SESSION_TIMEOUT;
	if (status == SIGKILL && client->ending == ENDING_NOT &&
	    client->cpu_us >= client->cpu_s * CPU_ACCOUNTED)
		return OUTCOME_CPU_LIMIT;
	/* A child may lie, but not about what it was asked to do. */
	if ((outcome == OUTCOME_BAD_REQUEST ||
		outcome == OUTCOME_REQUEST_TIMEOUT) && !client->asks)
		return OUTCOME_CRASHED;
	return proxy_outcome(client, outcome);
}

/* True when the client has been told something by a child that ended well, and
 * has yet to take it. */
static bool
is_told(const struct client *client, enum outcome outcome)
{
	if (outcome == OUTCOME_GREETED)
		return true;
	return (outcome == OUTCOME_BAD_REQUEST ||
		outcome == OUTCOME_REQUEST_TIMEOUT) &&
	    client->greeting_length > 0;
}

/* Its child has ended: decides what that means for the client. */
static void
ended(struct service *service, uint32_t slot, int status, int64_t now)
{
	struct client *client = &service->clients.slots[slot];
	enum outcome outcome = outcome_of(client, status);
	struct delivery delivery;

	if (client->asks)
		delivery_note_answer(client);
	if (client->pidfd != -1)
		close(client->pidfd);
	client->pidfd = -1;
	client->pid = 0;
	backoff_hasten(&service->forking); /* there is a process less */
	if (outcome == OUTCOME_VIOLATION || outcome == OUTCOME_CRASHED)
		generation_crashed(
		    service->generation, client->generation, now);
	if (declare_goes_on(service, slot, outcome, now))
		return;
	if (is_told(client, outcome)) {
		client->told = (uint8_t)outcome;
		close_begin(service, slot, now);
		evict_surplus(service, now);
		return;
	}
	delivery = delivery_look(client);
	finish(service, slot, outcome, &delivery, now);
}

/* Reaps the slot's child if it has ended.  False when it lives. */
static bool
try_reap(struct service *service, uint32_t slot, int64_t now)
{
	struct client *client = &service->clients.slots[slot];
	struct rusage usage = { 0 };
	int status = SIGKILL; /* as if killed, should it not be ours */

	if (groups_reap(&service->generation->spawners->groups, client->group,
		client->pid, &status, &usage) == 0)
		return false;
	client->cpu_us = clock_cpu(&usage);
	ended(service, slot, status, now);
	return true;
}

void
reap_hint(struct service *service, pid_t pid, int64_t now)
{
	uint32_t slot = clients_find(&service->clients, pid);

	service->reap.children_ended = true;
	if (service->reap.next_pass > now + PASS_RESUME)
		service->reap.next_pass = now + PASS_RESUME;
	if (slot != CLIENT_NONE)
		try_reap(service, slot, now);
}

void
reap_child(struct service *service, uint32_t slot, int64_t now)
{
	enum client_phase phase = service->clients.slots[slot].phase;

	if (phase == CLIENT_WATCHED)
		try_reap(service, slot, now);
	else if (phase >= CLIENT_CLOSING)
		close_look(service, slot, now);
}

/* ---------------------------------------------------------------- growing old */

/* True when enough descriptors are left for clients that are yet to come, for
 * refused ones and for the daemon itself if this one, the lowest that was free,
 * is kept. */
static bool
is_to_spare(const struct service *service, int fd)
{
	int64_t wanted = service->setup->conf->limits.max_clients -
	    service_places(service) + RESOURCES_OTHER_FILES +
	    resources_pairs(service->setup->conf);
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    (int64_t)limit.rlim_cur - fd > wanted;
}

/* Makes the end of its child an event.  False when there is no descriptor for
 * that. */
static bool
watch(struct service *service, uint32_t slot)
{
	struct client *client = &service->clients.slots[slot];
	int fd = pidfd_open(client->pid, 0);

	if (fd == -1)
		return false;
	if (!is_to_spare(service, fd) ||
	    event_add(service->epoll, fd, EVENT_CLIENT, slot) == -1) {
		close(fd);
		return false;
	}
	client->pidfd = fd;
	return true;
}

/* From now on its deadline is in the heap. */
static void
grow_old(struct service *service, uint32_t slot)
{
	struct clients *clients = &service->clients;
	struct client *client = &clients->slots[slot];

	client->deadline = client->expires + DEADLINE_GRACE;
	clients_move(clients, slot,
	    watch(service, slot) ? CLIENT_WATCHED : CLIENT_UNWATCHED);
}

/* Asks after the young children, those not asked after for the longest time
 * first. */
static void
ask_young(struct service *service, int64_t now)
{
	struct clients *clients = &service->clients;
	const struct client_list *young = &clients->list[CLIENT_YOUNG];
	uint32_t left, misses = 0, slot;

	for (left = young->count; left > 0 && misses < PASS_MISSES; left--) {
		slot = young->head;
		if (try_reap(service, slot, now))
			continue;
		misses++;
		if (now - clients->slots[slot].accepted > OLD_AGE)
			grow_old(service, slot);
		else
			clients_move(clients, slot, CLIENT_YOUNG);
	}
	service->reap.next_pass =
	    now + (left > 0 ? PASS_RESUME : PASS_INTERVAL);
}

/* Asks after the old children without a pidfd, each once after any child has
 * ended: the signal may have named another one. */
static void
ask_unwatched(struct service *service, int64_t now)
{
	struct clients *clients = &service->clients;
	const struct client_list *unwatched = &clients->list[CLIENT_UNWATCHED];
	struct reap *reap = &service->reap;
	uint32_t misses = 0, slot;
	bool spare = true;

	if (reap->children_ended || reap->unasked > unwatched->count)
		reap->unasked = unwatched->count;
	if (reap->unasked == 0 || now < reap->asked + PASS_RESUME)
		return;
	reap->asked = now;
	for (; reap->unasked > 0 && misses < PASS_MISSES; reap->unasked--) {
		slot = unwatched->head;
		if (try_reap(service, slot, now))
			continue;
		misses++;
		spare = spare && watch(service, slot);
		clients_move(clients, slot,
		    spare ? CLIENT_WATCHED : CLIENT_UNWATCHED);
	}
}

/* ------------------------------------------------------------------- deadlines */

static void
overdue(struct service *service, uint32_t slot, int64_t now)
{
	struct client *client = &service->clients.slots[slot];
	bool first = client->ending == ENDING_NOT;

	if (client_lingers(client)) {
		close_look(service, slot, now);
		return;
	}
	if (first)
		client->ending = ENDING_DEADLINE;
	child_signal(client->pid, first ? SIGTERM : SIGKILL);
	client->deadline = now + TERM_GRACE;
	clients_move(&service->clients, slot, (enum client_phase)client->phase);
}

/* Does somebody wait for what a child's end makes room for? */
static bool
room_is_wanted(const struct service *service)
{
	return backoff_waits(&service->forking) ||
	    backoff_waits(&service->accepting) || service->watch.any_muted;
}

void
reap_step(struct service *service, int64_t now)
{
	const struct clients *clients = &service->clients;
	struct reap *reap = &service->reap;
	uint32_t slot;

	/* It may have ended before its spawner said that it had begun. */
	if (reap->children_ended && room_is_wanted(service))
		reap->next_pass = now;
	if (clients->list[CLIENT_YOUNG].count > 0 && now >= reap->next_pass)
		ask_young(service, now);
	ask_unwatched(service, now);
	reap->children_ended = false;
	while ((slot = clients_next_due(clients)) != CLIENT_NONE &&
	    clients->slots[slot].deadline <= now)
		overdue(service, slot, now);
}

void
reap_signal(struct service *service, uint32_t slot, int signal)
{
	struct client *client = &service->clients.slots[slot];

	if (client->ending == ENDING_NOT)
		client->ending = ENDING_SHUTDOWN;
	child_signal(client->pid, signal);
}

void
reap_signal_all(struct service *service, int signal, int64_t now)
{
	uint32_t slot;

	for (slot = 0; slot < service->clients.used; slot++)
		if (client_lingers(&service->clients.slots[slot]))
			close_cut(service, slot, now);
		else if (service->clients.slots[slot].pid > 0)
			reap_signal(service, slot, signal);
}

int64_t
reap_wakeup(const struct service *service)
{
	const struct clients *clients = &service->clients;
	const struct reap *reap = &service->reap;
	uint32_t slot = clients_next_due(clients);
	int64_t when = CLOCK_NEVER;

	if (slot != CLIENT_NONE)
		when = clients->slots[slot].deadline;
	if (clients->list[CLIENT_YOUNG].count > 0)
		when = clock_earlier(when, reap->next_pass);
	if (reap->unasked > 0)
		when = clock_earlier(when, reap->asked + PASS_RESUME);
	return when;
}
