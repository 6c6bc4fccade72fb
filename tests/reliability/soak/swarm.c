/*
 * The clients of the soak: swarm BOARD AT SEED TARGETS.  Connects as often as
 * the board allows, so many at a time; each client is of a target and has a
 * manner that its seed chooses.  When all have ended, a line of JSON says what
 * came of all so far, and the next ones wait for the board.  Ends with its
 * standard input.
 */
#include "config.h"

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "reliability/soak/dial.h"
#include "reliability/soak/request.h"
#include "reliability/soak/swarm.h"
#include "reliability/soak/tally.h"
#include "reliability/soak/target.h"

#define EVENTS_MAX 64
#define TICK_MS 2 /* between looks for what is due */
#define MS UINT64_C(1000000)
#define PATIENCE_MS 60000 /* of a client, with all that may happen meanwhile */
#define WRONGS_MAX 10 /* that are shown */

enum stage { STAGE_IDLE, STAGE_SAYING, STAGE_READING, STAGE_STAYING };

struct client {
	int fd;
	enum stage stage;
	enum manner manner;
	uint64_t begun, due; /* nanoseconds; due: 0 for nothing */
	struct request request;
	struct got got;
	char *text;
};

static struct target targets[TARGETS_MAX];
static struct tally tallies[TARGETS_MAX];
static unsigned target_count;
static const struct board *board;
static struct client *clients;
static unsigned at, live;
static uint64_t made;
static int poller;
static uint64_t seed;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* splitmix64, https://prng.di.unimi.it/splitmix64.c */
static uint64_t
draw(void)
{
	uint64_t z = seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

static unsigned
draw_target(void)
{
	unsigned i, all = 0, n;

	for (i = 0; i < target_count; i++)
		all += targets[i].share;
	n = (unsigned)(draw() % all);
	for (i = 0; n >= targets[i].share; i++)
		n -= targets[i].share;
	return i;
}

static struct tally *
tally_of(const struct client *client)
{
	return &tallies[client->got.index];
}

/* ------------------------------------------------------------------ its end */

static void
drop(struct client *client, bool reset)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 0 };

	if (reset)
		setsockopt(client->fd, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof(linger));
	close(client->fd);
	client->fd = -1;
	client->stage = STAGE_IDLE;
	live--;
}

static void
leave(struct client *client, bool reset)
{
	tally_of(client)->impolite++;
	drop(client, reset);
}

static void
count_wrong(const struct client *client)
{
	const struct got *got = &client->got;

	if (tally_of(client)->wrong++ >= WRONGS_MAX)
		return;
	fprintf(stderr,
	    "swarm: %s: wrong: manner %d, phase %" PRIu32
	    ", now %" PRIu32 ", who%s, %zu bytes: %.400s\n",
	    got->target->name, (int)client->manner, got->phase, board->phase,
	    got->who, got->length, client->text);
}

/* What it got, when a reset or the end of stream came behind it. */
static void
count(const struct client *client, bool is_reset)
{
	struct tally *tally = tally_of(client);
	enum verdict verdict;
	enum kind kind;

	client->text[client->got.length] = '\0';
	verdict = judge(board, &client->got, &kind);
	if (verdict == VERDICT_WRONG)
		count_wrong(client);
	else if (is_reset)
		tally->reset++;
	else if (verdict == VERDICT_WHOLE)
		tally->whole[kind]++;
	else if (client->got.length == 0)
		tally->empty++;
	else
		tally->cut++;
}

/* ------------------------------------------------------------- its beginning */

static void
say(struct client *client, size_t from, size_t to)
{
	/* Whoever is refused may have been closed by now: reading tells. */
	if (to > from)
		(void)send(client->fd, client->request.bytes + from, to - from,
		    MSG_NOSIGNAL);
}

static void
begin(struct client *client)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };

	if (epoll_ctl(poller, EPOLL_CTL_ADD, client->fd, &event) == -1)
		err(EX_OSERR, "epoll_ctl");
	client->stage = STAGE_READING;
	if (client->manner == MANNER_PIECES || client->manner == MANNER_HALF) {
		client->stage = STAGE_SAYING;
		client->due = client->begun + (1 + draw() % 20) * MS;
	}
}

static void
start(struct client *client)
{
	unsigned i = draw_target();
	uint64_t random = draw();

	made++;
	client->manner = request_manner(&targets[i], (uint32_t)draw());
	client->got = (struct got) { .target = &targets[i], .index = i,
		.phase = __atomic_load_n(&board->phase, __ATOMIC_ACQUIRE),
		.text = client->text };
	client->begun = now_ns();
	client->due = 0;
	client->fd = dial(&client->got, draw(),
	    client->manner == MANNER_SLOW, PATIENCE_MS / 1000);
	if (client->fd == -1) {
		tally_of(client)->unmade++;
		return;
	}
	live++;
	tally_of(client)->connected++;
	request_make(&client->request, client->manner, random, &client->got);
	if (client->manner == MANNER_RESET || client->manner == MANNER_LEAVE) {
		leave(client, client->manner == MANNER_RESET);
		return;
	}
	say(client, 0, client->request.first);
	begin(client);
}

/* ------------------------------------------------------------- in the middle */

/* Has a held client its greeting? */
static bool
is_complete(const struct client *client)
{
	return client->got.target->format == FORMAT_HOLD &&
	    client->text[client->got.length - 1] == '\n';
}

static void
stay(struct client *client)
{
	epoll_ctl(poller, EPOLL_CTL_DEL, client->fd, NULL);
	client->stage = STAGE_STAYING;
	client->due = now_ns() + (10 + draw() % 200) * MS;
}

static void
finish(struct client *client, ssize_t n)
{
	count(client, n == -1);
	if (n == 0 && client->manner == MANNER_STAY)
		stay(client);
	else
		drop(client, false);
}

static void
take(struct client *client)
{
	size_t room = TEXT_MAX - client->got.length;
	ssize_t n;

	if (client->manner == MANNER_SLOW && room > 8192)
		room = 8192;
	n = read(client->fd, client->text + client->got.length, room);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	if (client->manner >= MANNER_POLITE) {
		leave(client, client->manner == MANNER_FIRST);
		return;
	}
	if (n <= 0) {
		finish(client, n);
		return;
	}
	client->got.length += (size_t)n;
	if (is_complete(client)) {
		count(client, false);
		stay(client);
	}
}

static void
proceed(struct client *client)
{
	client->due = 0;
	if (client->stage == STAGE_STAYING) {
		drop(client, false);
	} else if (client->manner == MANNER_HALF) {
		leave(client, false);
	} else {
		say(client, client->request.first, client->request.length);
		client->stage = STAGE_READING;
	}
}

/* What is due, what is late, and new ones in the places of those that ended. */
static void
sweep(uint64_t now)
{
	uint32_t go = __atomic_load_n(&board->go, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < at; i++) {
		struct client *client = &clients[i];

		if (client->stage == STAGE_IDLE) {
			if (made < go)
				start(client);
		} else if (client->due != 0 && now >= client->due) {
			proceed(client);
		} else if (now > client->begun &&
		    now - client->begun > PATIENCE_MS * MS) {
			tally_of(client)->timeout++;
			drop(client, true);
		}
	}
}

/* ------------------------------------------------------------------ all of it */

static bool
has_ended(void)
{
	struct pollfd input = { .fd = STDIN_FILENO, .events = POLLIN };

	return poll(&input, 1, 0) == 1;
}

static void
loop(void)
{
	struct epoll_event events[EVENTS_MAX];
	uint64_t swept = 0, told = 0;

	while (!has_ended()) {
		uint64_t now = now_ns();
		int n;

		if (now - swept >= TICK_MS * MS) {
			sweep(now);
			swept = now;
		}
		if (live == 0 && made > told &&
		    made >= __atomic_load_n(&board->go, __ATOMIC_ACQUIRE)) {
			tally_print(tallies, targets, target_count);
			told = made;
		}
		n = epoll_wait(poller, events, EVENTS_MAX, TICK_MS);
		for (int i = 0; i < n; i++)
			take(events[i].data.ptr);
	}
}

int
main(int argc, char **argv)
{
	int fd;

	if (argc != 5)
		errx(EX_USAGE, "usage: swarm BOARD AT SEED TARGETS");
	at = (unsigned)strtoul(argv[2], NULL, 10);
	seed = strtoull(argv[3], NULL, 10);
	target_count = target_read(argv[4], targets);
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		err(EX_NOINPUT, "%s", argv[1]);
	board = mmap(NULL, sizeof(*board), PROT_READ, MAP_SHARED, fd, 0);
	clients = calloc(at, sizeof(*clients));
	poller = epoll_create1(EPOLL_CLOEXEC);
	if (board == MAP_FAILED || clients == NULL || poller == -1)
		err(EX_OSERR, "start");
	for (unsigned i = 0; i < at; i++) {
		clients[i].fd = -1;
		clients[i].text = malloc(TEXT_MAX + 1);
		if (clients[i].text == NULL)
			err(EX_OSERR, "malloc");
	}
	loop();
	return 0;
}
