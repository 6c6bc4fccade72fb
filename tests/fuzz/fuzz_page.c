/* A spawner in an enemy's hands: whatever it writes to the pid page, its socket
 * and the canary, the master signals its own children only and loses no
 * client. */
#include "config.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "fuzz.h"
#include "parsed.h"
#include "world.h"
#include "master/system/clock.h"
#include "master/clients/accept.h"
#include "master/clients/reap.h"
#include "master/server.h"
#include "master/generations/trial.h"
#include "shared/attempt.h"
#include "shared/plan.h"

#define CLIENTS 48
#define STEPS_MAX 400

#define GREETING "hi client\n"

static struct server server;
static int64_t now;
static int peer; /* what clients' descriptors are copies of */

/* ------------------------------------------------------- the master's state */

static struct plan *plan; /* of all generations */

/* One with one session. */
static void
plan_make(void)
{
	/* Of just that length, so that a sanitizer sees a step beyond. */
	const size_t size = sizeof(struct plan) + sizeof(struct plan_session) +
	    sizeof(GREETING) - 1;
	char *greeting;

	plan = calloc(1, size);
	MUST(plan != NULL);
	greeting = (char *)&plan->session[1];
	plan->size = (uint32_t)size;
	memcpy(greeting, GREETING, sizeof(GREETING) - 1);
	plan->session[0].greeting_offset = (uint32_t)(greeting - (char *)plan);
	plan->session[0].greeting_length = sizeof(GREETING) - 1;
	plan->session[0].session_ms = 1000;
	server.snapshot.plan = plan;
	server.snapshot.fd = -1;
}

static void
once(void)
{
	static const char *const names[] = { "a" };
	struct report report;
	int ends[2];

	log_open(false, LOG_DAEMON, LOG_DEBUG);
	server.conf = parsed("", 0, &report);
	MUST(clients_init(&server.clients) == 0);
	MUST(stats_prepare(&server.stats, names, 1) == 0);
	stats_use(&server.stats, names, 1);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	peer = ends[0];
	close(ends[1]);
	plan_make();
	MUST(messages_make(&server.messages, server.conf) == 0);
}

static void
begin(void)
{
	static const struct client_list empty = { CLIENT_NONE, CLIENT_NONE, 0 };
	struct clients *clients = &server.clients;
	struct stats_row *row = server.stats.rows;

	memset(clients->slots, 0, CLIENTS * sizeof(*clients->slots));
	clients->free = CLIENT_NONE;
	clients->used = clients->n_heap = 0;
	clients->waiting = clients->young = clients->unwatched = empty;
	row->live = server.stats.live = 0;
	row->accepted = 0;
	memset(row->refused, 0, sizeof(row->refused));
	memset(row->ended, 0, sizeof(row->ended));
	memset(&server.generation, 0, sizeof(server.generation));
	memset(&server.accepting, 0, sizeof(server.accepting));
	memset(&server.forking, 0, sizeof(server.forking));
	memset(&server.refusals, 0, sizeof(server.refusals));
	server.stop = STOP_NOT;
	server.ready = true;
	server.next_pass = 0;
	plan->sandbox = PLAN_SANDBOX_OFF;
	now = CLOCK_SECOND;
	world_reset();
	server.epoll = epoll_create1(EPOLL_CLOEXEC);
	MUST(server.epoll != -1);
	linger_init(&server.linger, server.epoll, EVENT_LINGER, CLOCK_SECOND);
	MUST(spawners_init(&server.spawners, server.epoll, -1) == NULL);
}

static void
finish(void)
{
	struct client *client = server.clients.slots;
	uint32_t i;

	trial_abandon(&server.spawners);
	spawners_kill(&server.spawners);
	for (i = 0; i < server.clients.used; i++, client++) {
		if (client->state == CLIENT_FREE)
			continue;
		close(client->fd);
		if (client->pidfd != -1)
			close(client->pidfd);
	}
	linger_clear(&server.linger);
	munmap(server.spawners.page, PLAN_PAGE_BYTES);
	close(server.spawners.page_fd);
	close(server.epoll);
	world_reset();
}

/* Each client is in its place, and counted once. */
static void
check(void)
{
	const struct clients *clients = &server.clients;
	const struct stats_row *row = server.stats.rows;
	uint32_t states[CLIENT_CLOSING + 1] = { 0 }, i, live;
	uint64_t gone = 0;

	for (i = 0; i < clients->used; i++)
		states[clients->slots[i].state]++;
	live = clients->used - states[CLIENT_FREE];
	for (i = 0; i < REFUSAL_COUNT; i++)
		gone += row->refused[i];
	for (i = 0; i < OUTCOME_COUNT; i++)
		gone += row->ended[i];
	MUST(row->live == live && server.stats.live == live);
	MUST(row->accepted == gone + live);
	MUST(clients->waiting.count == states[CLIENT_WAITING]);
	MUST(clients->n_heap ==
	    states[CLIENT_OLD] + states[CLIENT_CLOSING]);
	MUST(clients->young.count == states[CLIENT_YOUNG]);
	MUST(clients->unwatched.count <= states[CLIENT_OLD]);
}

/* No spawner that is there no more is taken for one. */
static void
reap_spawners(void)
{
	const struct spawner *spawner = server.spawners.list;
	const struct spawner *end = spawner + SPAWNERS_MAX;

	spawners_reap(&server.spawners);
	for (; spawner < end; spawner++) {
		MUST(spawner->n <= SPAWNER_IN_FLIGHT_MAX);
		if (spawner->state == SPAWNER_CURRENT ||
		    spawner->state == SPAWNER_RETIRED)
			MUST(spawner->pid <= 0 || world_is_child(spawner->pid));
	}
}

/* ---------------------------------------------------------- what may happen */

static void
connect_client(struct input *input)
{
	struct clients *clients = &server.clients;
	struct client *client;
	uint32_t slot;

	(void)input;
	if (clients->free == CLIENT_NONE && clients->used == CLIENTS)
		return;
	slot = clients_add(clients);
	client = &clients->slots[slot];
	client->fd = fcntl(peer, F_DUPFD_CLOEXEC, 0);
	client->accepted = now;
	client->expires = now + CLOCK_SECOND;
	client->state = CLIENT_WAITING;
	stats_accept(&server.stats, 0);
	clients_push(clients, &clients->waiting, slot);
}

/* A row of the page: of a client, or of a canary. */
static int32_t *
row_of(uint8_t byte)
{
	uint32_t slot = byte < 0xf0 ? byte % CLIENTS
				    : PLAN_CLIENT_SLOTS + byte % SPAWNERS_MAX;

	return &server.spawners.page[slot];
}

static void
write_row(struct input *input)
{
	uint8_t head = input_byte(input);
	int32_t *row = row_of(input_byte(input));

	if (head % 4 == 0)
		*row = (int32_t)input_long(input);
	else if (head % 4 == 1)
		*row = -(int32_t)input_byte(input);
	else if (head % 4 == 2)
		*row = (int32_t)getpid();
	else
		*row = WORLD_FIRST_PID + input_byte(input) % WORLD_PROCESSES;
}

/* What an honest spawner does, so that clients get old. */
static void
obey(struct input *input)
{
	struct process *spawner =
	    world_find(WORLD_FIRST_PID + input_byte(input) % WORLD_PROCESSES);
	struct plan_order order;
	pid_t pid;

	if (spawner == NULL || spawner->socket == -1 ||
	    recv(spawner->socket, &order, sizeof(order), MSG_DONTWAIT) !=
		sizeof(order))
		return;
	MUST(order.slot < PLAN_REFUSED_SLOT);
	MUST(order.session == 0 ||
	    attempt_get(order.session - PLAN_ATTEMPT) != NULL);
	pid = world_fork(-1);
	server.spawners.page[order.slot] = pid == -1 ? -EAGAIN : pid;
}

/* Bytes on its socket, where only struct plan_failure is expected. */
static void
say(struct input *input)
{
	struct process *spawner =
	    world_find(WORLD_FIRST_PID + input_byte(input) % WORLD_PROCESSES);
	size_t length = input_byte(input);

	if (length > input->left)
		length = input->left;
	if (spawner != NULL && spawner->socket != -1)
		send(spawner->socket, input->at, length,
		    MSG_DONTWAIT | MSG_NOSIGNAL);
	input->at += length;
	input->left -= length;
}

/* The canary gets the greeting, part of it, or something else. */
static void
greet_canary(struct input *input)
{
	struct spawners *spawners = &server.spawners;
	const struct process *process;
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char order[sizeof(struct plan_order)];
	struct iovec part = { order, sizeof(order) };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes) };
	size_t length = input_byte(input) % (sizeof(GREETING) + 1);
	uint8_t wrong = input_byte(input);
	char text[] = GREETING;
	int fd;

	if (spawners->trial == -1)
		return;
	process = world_find(spawners->list[spawners->trial].pid);
	if (process == NULL || process->socket == -1 ||
	    recvmsg(process->socket, &message, MSG_DONTWAIT) == -1)
		return;
	if (CMSG_FIRSTHDR(&message) == NULL) { /* an attempt, no canary */
		spawners->page[spawners_canary_slot(spawners,
		    &spawners->list[spawners->trial])] = world_fork(-1);
		return;
	}
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	if (length == 0)
		length = sizeof(GREETING) - 1;
	if (wrong >= 0x80)
		text[wrong % sizeof(text)]++;
	send(fd, text, length, MSG_DONTWAIT | MSG_NOSIGNAL);
	close(fd);
	if (wrong & 1)
		spawners->page[spawners_canary_slot(spawners,
		    &spawners->list[spawners->trial])] = world_fork(-1);
}

static void
end_process(struct input *input)
{
	struct process *process =
	    world_find(WORLD_FIRST_PID + input_byte(input) % WORLD_PROCESSES);
	uint8_t how = input_byte(input);

	if (process != NULL) /* a signal, or an exit status */
		world_end(process, how < 32 ? how : (how - 32) << 8);
}

static void
turn(void)
{
	generation_step(&server, now);
	intake_step(&server, now);
	reaper_step(&server, now);
	linger_step(&server.linger, now);
	intake_wakeup(&server, now);
	reaper_wakeup(&server);
	check();
}

static void
take_turn(struct input *input)
{
	(void)input;
	turn();
}

static void
wait_a_while(struct input *input)
{
	now += input_byte(input) * 20 * CLOCK_MS;
}

/* Anybody may send the signal. */
static void
hint(struct input *input)
{
	server.children_ended = true;
	reaper_hint(&server, (pid_t)input_long(input), now);
}

static void
child_ended(struct input *input)
{
	reaper_hint(&server, WORLD_FIRST_PID + input_byte(input), now);
	reap_spawners();
}

static void
pidfd_ready(struct input *input)
{
	uint32_t slot = input_byte(input);

	if (slot < server.clients.used)
		reaper_child(&server, slot, now);
}

static void
stop(struct input *input)
{
	(void)input;
	if (server.stop < STOP_KILL)
		server.stop++;
	if (server.stop > STOP_DRAIN)
		reaper_signal_all(&server,
		    server.stop == STOP_KILL ? SIGKILL : SIGTERM, clock_now());
}

/* In the trial that follows, and in all later ones, attempts follow the canary. */
static void
rotate(struct input *input)
{
	(void)input;
	plan->sandbox = PLAN_SANDBOX_REQUIRED;
	server.generation.rotate = true;
}

static void (*const steps[16])(struct input *) = {
	connect_client, write_row, obey, say,
	greet_canary, end_process, wait_a_while, hint,
	child_ended, pidfd_ready, stop, rotate,
	take_turn, take_turn, take_turn, take_turn,
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	unsigned n;

	if (server.conf == NULL)
		once();
	begin();
	for (n = 0; n < STEPS_MAX && input.left > 0; n++)
		steps[input_byte(&input) % 16](&input);
	turn();
	finish();
	return 0;
}
