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
#include "master/clients/hand_over.h"
#include "master/clients/service.h"
#include "master/clients/reap.h"
#include "master/clients/serve.h"
#include "master/config/greetings.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/generations/strays.h"
#include "master/generations/trial.h"
#include "shared/attempt.h"
#include "shared/plan.h"

#define CLIENTS 48
#define STEPS_MAX 400

#define GREETING "hi client\n"

static struct setup setup;
static struct spawners spawned;
static struct generation generation;
static struct service service;
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
	plan->session[0].timer[2] = 1;
	setup.snapshot.plan = plan;
	setup.snapshot.fd = -1;
}

static void
once(void)
{
	static const char *const names[] = { "a" };
	struct report report;
	static const struct greeting greetings[STATE_COUNT];
	int ends[2];

	log_open(&(struct log_options) { .target = LOG_TO_STDERR,
	    .facility = LOG_DAEMON, .level = LOG_DEBUG });
	setup.conf = parsed("", 0, &report);
	MUST(clients_init(&service.clients) == 0);
	MUST(counters_prepare(&service.counters, names, 1) == 0);
	counters_use(&service.counters, names, 1);
	MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
	peer = ends[0];
	close(ends[1]);
	plan_make();
	MUST(messages_make(&setup.messages, setup.conf, greetings) == 0);
}

static void
begin(void)
{
	static const struct client_list empty = { CLIENT_NONE, CLIENT_NONE, 0 };
	struct clients *clients = &service.clients;
	struct counters_row *row = service.counters.rows;
	size_t i;

	memset(clients->slots, 0, CLIENTS * sizeof(*clients->slots));
	clients->free = CLIENT_NONE;
	clients->used = clients->n_heap = 0;
	for (i = 0; i < CLIENT_PHASES; i++)
		clients->list[i] = empty;
	row->live = service.counters.live = 0;
	row->accepted = 0;
	memset(row->refused, 0, sizeof(row->refused));
	memset(row->ended, 0, sizeof(row->ended));
	memset(&generation, 0, sizeof(generation));
	service.accepting = service.forking = BACKOFF_NONE;
	service.handed_at = service.quiet_at = CLOCK_NEVER;
	memset(&service.refusals, 0, sizeof(service.refusals));
	service.is_open = true;
	service.lingering_max = CLIENTS / 4;
	service.counters.lingering = row->lingering = 0;
	service.ending = 0;
	memset(&service.reap, 0, sizeof(service.reap));
	generation.spawners = &spawned;
	service.generation = &generation;
	service.setup = &setup;
	plan->sandbox = PLAN_SANDBOX_OFF;
	now = CLOCK_SECOND;
	world_reset();
	service.epoll = epoll_create1(EPOLL_CLOEXEC);
	MUST(service.epoll != -1);
	linger_init(&service.linger, service.epoll, EVENT_LINGER, CLOCK_SECOND);
	MUST(spawners_init(&spawned, service.epoll, -1) == NULL);
}

static void
finish(void)
{
	struct client *client = service.clients.slots;
	uint32_t i;

	spawners_kill(&spawned);
	for (i = 0; i < service.clients.used; i++, client++) {
		if (client->phase == CLIENT_FREE)
			continue;
		close(client->fd);
		if (client->pidfd != -1)
			close(client->pidfd);
	}
	linger_clear(&service.linger);
	spawners_free(&spawned);
	close(service.epoll);
	world_reset();
}

/* Each client is in its place, and counted once. */
static void
check(void)
{
	const struct clients *clients = &service.clients;
	const struct counters_row *row = service.counters.rows;
	uint32_t phases[CLIENT_PHASES] = { 0 }, i, live;
	uint64_t gone = 0;

	for (i = 0; i < clients->used; i++)
		phases[clients->slots[i].phase]++;
	live = clients->used - phases[CLIENT_FREE];
	for (i = 0; i < REFUSAL_COUNT; i++)
		gone += row->refused[i];
	for (i = 0; i < OUTCOME_COUNT; i++)
		gone += row->ended[i];
	MUST(row->live == live && service.counters.live == live);
	MUST(row->accepted == gone + live);
	MUST(clients->list[CLIENT_WAITING].count == phases[CLIENT_WAITING]);
	MUST(clients->list[CLIENT_YOUNG].count == phases[CLIENT_YOUNG]);
	MUST(clients->list[CLIENT_UNWATCHED].count ==
	    phases[CLIENT_UNWATCHED]);
	MUST(clients->n_heap ==
	    phases[CLIENT_WATCHED] + phases[CLIENT_UNWATCHED] +
		phases[CLIENT_CLOSING] + phases[CLIENT_LINGERING]);
}

/* No spawner that is there no more is taken for one. */
static void
reap_spawners(void)
{
	const struct spawner *spawner = spawned.list;
	const struct spawner *end = spawner + SPAWNERS_MAX;

	spawners_reap(&spawned, now);
	strays_hint(&spawned);
	for (; spawner < end; spawner++) {
		MUST(spawner->n <= SPAWNER_IN_FLIGHT_MAX);
		if (spawner->state >= SPAWNER_STANDBY)
			MUST(spawner->pid <= 0 || world_is_child(spawner->pid));
	}
}

/* ---------------------------------------------------------- what may happen */

static void
connect_client(struct input *input)
{
	struct clients *clients = &service.clients;
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
	counters_accept(&service.counters, 0);
	clients_move(clients, slot, CLIENT_WAITING);
}

/* A row of some spawner's page: of a client, or of the canary.  NULL: no spawner
 * is there. */
static int32_t *
row_of(uint8_t which, uint8_t byte)
{
	uint32_t slot = byte < 0xf0 ? byte % CLIENTS : PLAN_CANARY_SLOT;
	int32_t *page = spawned.list[which % SPAWNERS_MAX].page;

	return page == NULL ? NULL : &page[slot];
}

static void
write_row(struct input *input)
{
	uint8_t head = input_byte(input);
	int32_t *row = row_of(head / 4, input_byte(input));

	if (row == NULL)
		return;
	if (head % 4 == 0)
		*row = (int32_t)input_long(input);
	else if (head % 4 == 1)
		*row = -(int32_t)input_byte(input);
	else if (head % 4 == 2)
		*row = (int32_t)getpid();
	else
		*row = WORLD_FIRST_PID + input_byte(input) % WORLD_PROCESSES;
}

/* The page of that spawner, NULL when the master has none for it any more. */
static int32_t *
page_of(pid_t pid)
{
	size_t i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawned.list[i].pid == pid)
			return spawned.list[i].page;
	return NULL;
}

/* What an honest spawner does, so that clients get old. */
static void
obey(struct input *input)
{
	pid_t leader = WORLD_FIRST_PID + input_byte(input) % WORLD_PROCESSES;
	struct process *spawner = world_find(leader);
	int32_t *page = page_of(leader);
	struct plan_order order;
	pid_t pid;

	if (spawner == NULL || spawner->socket == -1 || page == NULL ||
	    recv(spawner->socket, &order, sizeof(order), MSG_DONTWAIT) !=
		sizeof(order))
		return;
	MUST(order.slot < PLAN_REFUSED_SLOT);
	MUST(order.session == 0 ||
	    attempt_get(order.session - PLAN_ATTEMPT) != NULL);
	pid = world_fork(-1, leader);
	page[order.slot] = pid == -1 ? -EAGAIN : pid;
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

/* A child that nobody is told of. */
static void
untold(struct input *input)
{
	pid_t leader = WORLD_FIRST_PID + input_byte(input) % WORLD_PROCESSES;

	if (page_of(leader) != NULL)
		world_fork(-1, leader);
}

/* The canary gets the greeting, part of it, or something else. */
static void
greet_canary(struct input *input)
{
	struct spawner *spawner;
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

	if (spawned.next.index == -1)
		return;
	spawner = &spawned.list[spawned.next.index];
	process = world_find(spawner->pid);
	if (process == NULL || process->socket == -1 ||
	    recvmsg(process->socket, &message, MSG_DONTWAIT) == -1)
		return;
	if (CMSG_FIRSTHDR(&message) == NULL) { /* an attempt, no canary */
		spawner->page[PLAN_CANARY_SLOT] =
		    world_fork(-1, spawner->pid);
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
		spawner->page[PLAN_CANARY_SLOT] =
		    world_fork(-1, spawner->pid);
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
	if (generation_step(&generation, &setup.snapshot, now) ==
	    GENERATION_STARVED)
		linger_clear(&service.linger);
	hand_over_step(&service, now);
	reap_step(&service, now);
	linger_step(&service.linger, now);
	hand_over_wakeup(&service);
	reap_wakeup(&service);
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
	service.reap.children_ended = true;
	reap_hint(&service, (pid_t)input_long(input), now);
}

static void
child_ended(struct input *input)
{
	reap_hint(&service, WORLD_FIRST_PID + input_byte(input), now);
	reap_spawners();
}

static void
pidfd_ready(struct input *input)
{
	uint32_t slot = input_byte(input);

	if (slot < service.clients.used)
		reap_child(&service, slot, now);
}

static void
stop(struct input *input)
{
	(void)input;
	service.is_open = false;
	serve_end(&service, service.ending == 0 ? SIGTERM : SIGKILL,
	    clock_now());
}

/* In the trial that follows, and in all later ones, attempts follow the canary. */
static void
rotate(struct input *input)
{
	(void)input;
	plan->sandbox = PLAN_SANDBOX_REQUIRED;
	generation_crashed(&generation, spawners_serving(&spawned), now);
}

static void (*const steps[16])(struct input *) = {
	connect_client, write_row, obey, say,
	greet_canary, end_process, wait_a_while, hint,
	child_ended, pidfd_ready, stop, rotate,
	untold, take_turn, take_turn, take_turn,
};

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	struct input input = { bytes, length };
	unsigned n;

	if (setup.conf == NULL)
		once();
	begin();
	for (n = 0; n < STEPS_MAX && input.left > 0; n++)
		steps[input_byte(&input) % 16](&input);
	turn();
	finish();
	return 0;
}
