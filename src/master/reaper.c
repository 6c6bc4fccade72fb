/* The end of a client. */
#include "config.h"

#include "reaper.h"

#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <linux/tcp.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "child.h"
#include "clock.h"
#include "conf.h"
#include "events.h"
#include "gate.h"
#include "server.h"

/* A miss of wait4(pid) costs 0.4 us: so many in one pass are not felt. */
#define PASS_MISSES 8
/* Passes follow each other like this when no SIGCHLD asks for one, sooner when
 * the last did not get to all. */
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

/* What the client acknowledged; the end of stream counts one in TCP_INFO. */
static uint64_t
bytes_of(const struct client *client, const struct tcp_info *info)
{
	return info->tcpi_bytes_acked > client->greeting_length ?
	    client->greeting_length :
	    info->tcpi_bytes_acked;
}

static void
client_log(const struct server *server, const struct client *client,
    enum outcome outcome, uint64_t bytes, int64_t duration, int64_t cpu)
{
	char source[ADDR_TEXT_MAX], destination[ADDR_TEXT_MAX];
	bool bug = outcome == OUTCOME_VIOLATION || outcome == OUTCOME_CRASHED;

	if (client->log == CONF_CLIENTS_NONE ||
	    (client->log == CONF_CLIENTS_ERRORS && outcome == OUTCOME_GREETED))
		return;
	log_line(bug ? LOG_ERR : LOG_INFO,
	    "client id=%" PRIu64
	    " listener=%s src=%s sport=%u dst=%s dport=%u outcome=%s "
	    "bytes=%" PRIu64 " duration_ms=%" PRId64 " cpu_us=%" PRId64,
	    client->id, server->stats.rows[client->row].name,
	    addr_format(&client->peer, source), (unsigned)client->peer.port,
	    addr_format(&client->local, destination),
	    (unsigned)client->local.port, outcome_name(outcome), bytes,
	    duration / CLOCK_MS, cpu);
}

static int64_t
cpu_of(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) *
	    CLOCK_SECOND +
	    usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

/*
 * Closes our copy, the last one.  What the client has not taken after a session
 * that was cut short would stay in the kernel for minutes: reset instead.
 */
static void
connection_close(int fd, const struct tcp_info *info, enum outcome outcome)
{
	static const struct linger reset = { 1, 0 };

	if (outcome != OUTCOME_GREETED &&
	    (info->tcpi_notsent_bytes > 0 || info->tcpi_unacked > 0))
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}

/* Everything that the end of a client's child means. */
static void
finish(struct server *server, uint32_t slot, int status,
    const struct rusage *usage, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	enum outcome outcome = outcome_of(client, status);
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);
	uint64_t bytes;

	getsockopt(client->fd, IPPROTO_TCP, TCP_INFO, &info, &length);
	connection_close(client->fd, &info, outcome);
	bytes = bytes_of(client, &info);
	server->stats.sent_bytes += bytes;
	server->stats.cpu_us += (uint64_t)cpu_of(usage);
	gate_release(server, client);
	stats_end(&server->stats, client->row, outcome);
	if (outcome == OUTCOME_VIOLATION || outcome == OUTCOME_CRASHED)
		generation_crashed(server, client->generation);
	client_log(server, client, outcome, bytes, now - client->accepted,
	    cpu_of(usage));
	if (client->state == CLIENT_OLD)
		clients_unschedule(&server->clients, slot);
	if (client->pidfd != -1)
		close(client->pidfd);
	else
		clients_unlink(
		    &server->clients, &server->clients.young, slot);
	clients_remove(&server->clients, slot);
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
	finish(server, slot, status, &usage, now);
	return true;
}

void
reaper_hint(struct server *server, pid_t pid, int64_t now)
{
	uint32_t slot = clients_find(&server->clients, pid);

	server->children_ended = true;
	if (slot != CLIENT_NONE)
		try_reap(server, slot, now);
}

void
reaper_child(struct server *server, uint32_t slot, int64_t now)
{
	if (server->clients.slots[slot].state == CLIENT_OLD)
		try_reap(server, slot, now);
}

/* ---------------------------------------------------------------- growing old */

/* From now on its end is an event, and its deadline is in the heap.  Without a
 * descriptor to spare it stays in the list that passes go through. */
static void
grow_old(struct server *server, uint32_t slot)
{
	struct clients *clients = &server->clients;
	struct client *client = &clients->slots[slot];

	if (client->state == CLIENT_YOUNG) {
		client->state = CLIENT_OLD;
		client->deadline += DEADLINE_GRACE;
		clients_schedule(clients, slot);
	}
	client->pidfd = pidfd_open(client->pid, 0);
	if (client->pidfd == -1)
		return;
	if (event_add(server->epoll, client->pidfd, EVENT_CLIENT, slot) == -1) {
		close(client->pidfd);
		client->pidfd = -1;
		return;
	}
	clients_unlink(clients, &clients->young, slot);
}

/* Asks after those whose end no signal has named, the longest unasked first. */
static void
pass(struct server *server, int64_t now)
{
	struct clients *clients = &server->clients;
	uint32_t left, misses = 0, slot;

	for (left = clients->young.count; left > 0 && misses < PASS_MISSES;
	     left--) {
		slot = clients->young.head;
		if (try_reap(server, slot, now))
			continue;
		misses++;
		clients_unlink(clients, &clients->young, slot);
		clients_push(clients, &clients->young, slot);
		if (now - clients->slots[slot].accepted > OLD_AGE)
			grow_old(server, slot);
	}
	server->next_pass = now + (left > 0 ? PASS_RESUME : PASS_INTERVAL);
}

/* ------------------------------------------------------------------- deadlines */

static void
overdue(struct server *server, uint32_t slot, int64_t now)
{
	struct client *client = &server->clients.slots[slot];
	bool first = client->ending == ENDING_NOT;

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

	if (clients->young.count > 0 &&
	    (server->children_ended || now >= server->next_pass))
		pass(server, now);
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
reaper_signal_all(struct server *server, int signal)
{
	uint32_t slot;

	for (slot = 0; slot < server->clients.used; slot++)
		if (server->clients.slots[slot].state == CLIENT_YOUNG ||
		    server->clients.slots[slot].state == CLIENT_OLD)
			reaper_signal(server, slot, signal);
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
	return when;
}
