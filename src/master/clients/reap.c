/* The end of a client. */
#include "config.h"

#include "master/clients/reap.h"

#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <linux/tcp.h>

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/config/resources.h"
#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/clients/close.h"
#include "master/system/events.h"
#include "master/clients/finish.h"
#include "master/server.h"

/* A miss of wait4(pid) costs 0.4 us: so many in one pass are not felt. */
#define PASS_MISSES 8
/* Passes follow each other like this, sooner when the last did not get to all or
 * SIGCHLD has come: the one that it names is reaped at once, and the others can
 * wait so long for the sake of fewer misses. */
#define PASS_INTERVAL (10 * CLOCK_MS)
#define PASS_RESUME (1 * CLOCK_MS)
/* Most clients end within milliseconds; the least timeouts.session is 100. */
#define OLD_AGE (100 * CLOCK_MS)
/* The child's own timer goes first; then we send TERM, then KILL. */
#define DEADLINE_GRACE (250 * CLOCK_MS)
#define TERM_GRACE (500 * CLOCK_MS)

/* --------------------------------------------------------------- what it was */

static enum outcome
outcome_of(const struct client *client, int status)
{
	enum outcome outcome = outcome_of_status(status);

	if (outcome == OUTCOME_KILLED && client->ending == ENDING_DEADLINE)
		return OUTCOME_SESSION_TIMEOUT;
	return outcome;
}

static int64_t
cpu_of(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) *
	    CLOCK_SECOND +
	    usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

/* Where its child is asked after, when no descriptor watches that. */
static struct client_list *
list_of(struct server *server, const struct client *client)
{
	return client->state == CLIENT_YOUNG ? &server->clients.young :
					       &server->clients.unwatched;
}

/* Its child has ended: what that means for the client. */
static void
ended(struct server *server, uint32_t slot, int status, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	enum outcome outcome = outcome_of(client, status);
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	if (client->state == CLIENT_OLD)
		clients_unschedule(&server->clients, slot);
	if (client->pidfd != -1)
		close(client->pidfd);
	else
		clients_unlink(
		    &server->clients, list_of(server, client), slot);
	client->pidfd = -1;
	client->pid = 0;
	if (outcome == OUTCOME_VIOLATION || outcome == OUTCOME_CRASHED)
		generation_crashed(server, client->generation);
	if (outcome == OUTCOME_GREETED) {
		closing_begin(server, slot, now);
		return;
	}
	getsockopt(client->fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	finish(server, slot, outcome, &info, now);
}

/* Reaps the slot's child if it has ended.  False when it lives. */
static bool
try_reap(struct server *server, uint32_t slot, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	struct rusage usage = { 0 };
	int status = SIGKILL; /* as if killed, should it not be ours */
	pid_t pid = wait4(client->pid, &status, WNOHANG, &usage);

	if (pid == 0 || (pid == -1 && errno == EINTR))
		return false;
	client->cpu_us = cpu_of(&usage);
	ended(server, slot, status, now);
	return true;
}

void
reaper_hint(struct server *server, pid_t pid, int64_t now)
{
	uint32_t slot = clients_find(&server->clients, pid);

	server->children_ended = true;
	if (server->next_pass > now + PASS_RESUME)
		server->next_pass = now + PASS_RESUME;
	if (slot != CLIENT_NONE)
		try_reap(server, slot, now);
}

void
reaper_child(struct server *server, uint32_t slot, int64_t now)
{
	enum client_state state = server->clients.slots[slot].state;

	if (state == CLIENT_OLD)
		try_reap(server, slot, now);
	else if (state == CLIENT_CLOSING)
		closing_look(server, slot, now);
}

/* ---------------------------------------------------------------- growing old */

/* True when clients who are yet to come, the refused and the daemon itself can
 * have a descriptor each if this one, the lowest that was free, is kept. */
static bool
is_to_spare(const struct server *server, int fd)
{
	int64_t wanted = server->conf->limits.max_clients -
	    server->stats.live + BUDGET_OTHER_FILES;
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) == 0 &&
	    (int64_t)limit.rlim_cur - fd > wanted;
}

/* Its child's end becomes an event.  False: no descriptor can be had for it. */
static bool
watch(struct server *server, uint32_t slot)
{
	struct client *client = &server->clients.slots[slot];
	int fd = pidfd_open(client->pid, 0);

	if (fd == -1)
		return false;
	if (!is_to_spare(server, fd) ||
	    event_add(server->epoll, fd, EVENT_CLIENT, slot) == -1) {
		close(fd);
		return false;
	}
	client->pidfd = fd;
	return true;
}

/* From now on its deadline is in the heap. */
static void
grow_old(struct server *server, uint32_t slot)
{
	struct clients *clients = &server->clients;
	struct client *client = &clients->slots[slot];

	clients_unlink(clients, &clients->young, slot);
	client->state = CLIENT_OLD;
	client->deadline = client->expires + DEADLINE_GRACE;
	clients_schedule(clients, slot);
	if (!watch(server, slot))
		clients_push(clients, &clients->unwatched, slot);
}

/* The young, the longest unasked first. */
static void
ask_young(struct server *server, int64_t now)
{
	struct clients *clients = &server->clients;
	uint32_t left, misses = 0, slot;

	for (left = clients->young.count; left > 0 && misses < PASS_MISSES;
	     left--) {
		slot = clients->young.head;
		if (try_reap(server, slot, now))
			continue;
		misses++;
		if (now - clients->slots[slot].accepted > OLD_AGE) {
			grow_old(server, slot);
			continue;
		}
		clients_unlink(clients, &clients->young, slot);
		clients_push(clients, &clients->young, slot);
	}
	server->next_pass = now + (left > 0 ? PASS_RESUME : PASS_INTERVAL);
}

/* The old for whom there was no descriptor: each of them once after a child has
 * ended, for its signal may have named another one. */
static void
ask_unwatched(struct server *server, int64_t now)
{
	struct clients *clients = &server->clients;
	uint32_t misses = 0, slot;
	bool spare = true;

	if (server->children_ended)
		server->unasked = clients->unwatched.count;
	if (server->unasked > clients->unwatched.count)
		server->unasked = clients->unwatched.count;
	if (server->unasked == 0 || now < server->asked + PASS_RESUME)
		return;
	server->asked = now;
	for (; server->unasked > 0 && misses < PASS_MISSES; server->unasked--) {
		slot = clients->unwatched.head;
		if (try_reap(server, slot, now))
			continue;
		misses++;
		clients_unlink(clients, &clients->unwatched, slot);
		spare = spare && watch(server, slot);
		if (!spare)
			clients_push(clients, &clients->unwatched, slot);
	}
}

/* ------------------------------------------------------------------- deadlines */

static void
overdue(struct server *server, uint32_t slot, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	bool first = client->ending == ENDING_NOT;

	if (client->state == CLIENT_CLOSING) {
		closing_look(server, slot, now);
		return;
	}
	if (first)
		client->ending = ENDING_DEADLINE;
	child_signal(client->pid, first ? SIGTERM : SIGKILL);
	clients_unschedule(&server->clients, slot);
	client->deadline = now + TERM_GRACE;
	clients_schedule(&server->clients, slot);
}

void
reaper_step(struct server *server, int64_t now)
{
	const struct clients *clients = &server->clients;
	uint32_t slot;

	if (clients->young.count > 0 && now >= server->next_pass)
		ask_young(server, now);
	ask_unwatched(server, now);
	server->children_ended = false;
	while ((slot = clients_next_due(clients)) != CLIENT_NONE &&
	    clients->slots[slot].deadline <= now)
		overdue(server, slot, now);
}

void
reaper_signal(struct server *server, uint32_t slot, int signal)
{
	struct client *client = &server->clients.slots[slot];

	if (client->ending == ENDING_NOT)
		client->ending = ENDING_SHUTDOWN;
	child_signal(client->pid, signal);
}

void
reaper_signal_all(struct server *server, int signal, int64_t now)
{
	enum client_state state;
	uint32_t slot;

	for (slot = 0; slot < server->clients.used; slot++) {
		state = server->clients.slots[slot].state;
		if (state == CLIENT_YOUNG || state == CLIENT_OLD)
			reaper_signal(server, slot, signal);
		else if (state == CLIENT_CLOSING)
			closing_cut(server, slot, now);
	}
}

int64_t
reaper_wakeup(const struct server *server)
{
	const struct clients *clients = &server->clients;
	uint32_t slot = clients_next_due(clients);
	int64_t when = CLOCK_NEVER;

	if (slot != CLIENT_NONE)
		when = clients->slots[slot].deadline;
	if (clients->young.count > 0 && server->next_pass < when)
		when = server->next_pass;
	if (server->unasked > 0 && server->asked + PASS_RESUME < when)
		when = server->asked + PASS_RESUME;
	return when;
}
