/* The connections of the load generator, on one epoll(7). */
#include "config.h"

#include "crowd.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "pattern.h"

#define EVENTS_MAX 256
#define SWEEP_MS 100 /* between looks for what is overdue or idle */
#define PACE_MS 1 /* between looks for what is due, with a rate */
#define READ_SIZE 4096

/* One place in the crowd, used again and again. */
struct visit {
	int fd; /* -1: idle */
	bool owes; /* its request is not sent yet */
	bool wrong[CROWD_TEXTS]; /* it is not this text */
	size_t got;
	uint64_t started;
	char kept[CROWD_KEPT_MAX]; /* the first bytes, for the pattern */
};

struct crowd {
	const struct crowd_order *order;
	struct crowd_result *result;
	struct visit *visits;
	int poller;
	unsigned live;
	unsigned next; /* where to look for an idle place, with a rate */
	size_t sizes[CROWD_TEXTS];
	uint64_t made; /* or tried */
	uint64_t started;
	uint64_t swept;
};

const char *const crowd_end_names[CROWD_ENDS] = {
	[CROWD_GREETED] = "greeted",
	[CROWD_TURNED_AWAY] = "turned_away",
	[CROWD_REFUSED] = "refused",
	[CROWD_RESET] = "reset",
	[CROWD_TIMEOUT] = "timeout",
	[CROWD_SHORT] = "short",
	[CROWD_WRONG] = "wrong",
	[CROWD_LOCAL] = "local",
	[CROWD_OTHER] = "other",
};

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* How many connections there should have been by now. */
static uint64_t
due(const struct crowd *crowd, uint64_t now)
{
	const struct crowd_order *order = crowd->order;

	if (order->rate == 0)
		return order->total;
	return 1 + (now - crowd->started) / 1000 * order->rate / 1000000;
}

static bool
may_go_on(const struct crowd *crowd, uint64_t now)
{
	return crowd->made < crowd->order->total &&
	    now - crowd->started < crowd->order->run_ns;
}

static bool
may_start(const struct crowd *crowd, uint64_t now)
{
	return may_go_on(crowd, now) && crowd->made < due(crowd, now);
}

/* Leaves the port to connect(2), which needs it free for one peer only. */
static int
bind_source(int fd, unsigned source)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const int on = 1;

	if (setsockopt(
		fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == -1)
		return -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK + source);
	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Sends the request, which fits into any socket's buffer.  Over loopback the
 * connection is mostly there when connect(2) returns. */
static int
say(const struct crowd *crowd, struct visit *visit, int fd)
{
	const char *request = crowd->order->request;

	if (send(fd, request, strlen(request), MSG_NOSIGNAL) == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	visit->owes = false;
	return 0;
}

static int
watch(const struct crowd *crowd, unsigned place, int fd, int operation)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLRDHUP,
		.data.u32 = place };

	if (crowd->visits[place].owes)
		event.events |= EPOLLOUT;
	return epoll_ctl(crowd->poller, operation, fd, &event);
}

/* A socket on its way to the server, or -1. */
static int
open_socket(struct crowd *crowd, unsigned place)
{
	const struct crowd_order *order = crowd->order;
	struct visit *visit = &crowd->visits[place];
	int fd;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (order->sources > 0 &&
	    bind_source(fd, order->first - 1 + place % order->sources) == -1)
		goto fail;
	visit->started = now_ns();
	if (connect(fd, (const struct sockaddr *)&order->server,
		sizeof(order->server)) == -1 &&
	    errno != EINPROGRESS)
		goto fail;
	visit->owes = order->request != NULL;
	if (visit->owes && say(crowd, visit, fd) == -1)
		goto fail;
	if (watch(crowd, place, fd, EPOLL_CTL_ADD) == -1)
		goto fail;
	return fd;
fail:
	close(fd); /* which leaves errno */
	return -1;
}

static void
start(struct crowd *crowd, unsigned place)
{
	struct visit *visit = &crowd->visits[place];
	int i;

	crowd->made++;
	visit->got = 0;
	for (i = 0; i < CROWD_TEXTS; i++)
		visit->wrong[i] = crowd->order->texts[i] == NULL;
	visit->fd = open_socket(crowd, place);
	if (visit->fd == -1) /* sending may be what shows a refusal */
		crowd->result->ends[errno == ECONNREFUSED ? CROWD_REFUSED
							  : CROWD_LOCAL]++;
	else
		crowd->live++;
}

/* Counts the visit, then starts the next in its place. */
static void
finish(struct crowd *crowd, unsigned place, enum crowd_end end)
{
	struct crowd_result *result = crowd->result;
	struct visit *visit = &crowd->visits[place];
	uint64_t now = now_ns();

	close(visit->fd);
	visit->fd = -1;
	crowd->live--;
	result->ends[end]++;
	if (end == CROWD_GREETED)
		histogram_add(
		    &result->end_of_stream, (now - visit->started) / 1000);
	if (end <= CROWD_TURNED_AWAY &&
	    now - crowd->started <= crowd->order->run_ns)
		result->in_time[end]++;
	if (may_start(crowd, now))
		start(crowd, place);
}

static enum crowd_end
end_of_error(int error)
{
	switch (error) {
	case ECONNREFUSED:
		return CROWD_REFUSED;
	case ECONNRESET:
	case EPIPE:
		return CROWD_RESET;
	case ETIMEDOUT:
		return CROWD_TIMEOUT;
	default:
		return CROWD_OTHER;
	}
}

static enum crowd_end
end_of_pattern(const struct crowd *crowd, const struct visit *visit)
{
	if (visit->got == 0)
		return CROWD_SHORT;
	if (visit->got > sizeof(visit->kept) ||
	    !pattern_matches(crowd->order->pattern, visit->kept,
		visit->kept + visit->got))
		return CROWD_WRONG;
	return CROWD_GREETED;
}

static enum crowd_end
end_of_stream(const struct crowd *crowd, const struct visit *visit)
{
	bool wrong = true;
	int i;

	if (crowd->order->pattern != NULL)
		return end_of_pattern(crowd, visit);
	for (i = 0; i < CROWD_TEXTS; i++) {
		if (!visit->wrong[i] && visit->got == crowd->sizes[i])
			return (enum crowd_end)i;
		wrong = wrong && visit->wrong[i];
	}
	return wrong ? CROWD_WRONG : CROWD_SHORT;
}

static void
note_first_byte(struct crowd *crowd, const struct visit *visit)
{
	histogram_add(
	    &crowd->result->first_byte, (now_ns() - visit->started) / 1000);
}

static void
keep(struct crowd *crowd, struct visit *visit, const char *bytes, size_t n)
{
	if (visit->got == 0)
		note_first_byte(crowd, visit);
	if (n <= sizeof(visit->kept) - visit->got)
		memcpy(visit->kept + visit->got, bytes, n);
}

static void
compare(struct crowd *crowd, struct visit *visit, const char *bytes, size_t n)
{
	size_t got = visit->got;
	int i;

	for (i = 0; i < CROWD_TEXTS; i++)
		if (!visit->wrong[i])
			visit->wrong[i] = n > crowd->sizes[i] - got ||
			    memcmp(crowd->order->texts[i] + got, bytes, n) != 0;
	if (got == 0 && !visit->wrong[CROWD_GREETING])
		note_first_byte(crowd, visit);
}

static void
take(struct crowd *crowd, struct visit *visit, const char *bytes, size_t n)
{
	if (crowd->order->pattern == NULL)
		compare(crowd, visit, bytes, n);
	else if (visit->got <= sizeof(visit->kept))
		keep(crowd, visit, bytes, n);
	visit->got += n;
}

/* The connection is there: says what was not said at once. */
static int
say_late(struct crowd *crowd, unsigned place)
{
	struct visit *visit = &crowd->visits[place];

	if (say(crowd, visit, visit->fd) == -1)
		return -1;
	return watch(crowd, place, visit->fd, EPOLL_CTL_MOD);
}

/* Reads what there is: a second time when the end of stream is there too. */
static void
proceed(struct crowd *crowd, unsigned place, uint32_t events)
{
	struct visit *visit = &crowd->visits[place];
	char buffer[READ_SIZE];
	ssize_t n = -1;
	int i;

	if (visit->owes && say_late(crowd, place) == -1) {
		finish(crowd, place, end_of_error(errno));
		return;
	}
	for (i = 0; i < 2; i++) {
		n = read(visit->fd, buffer, sizeof(buffer));
		if (n > 0)
			take(crowd, visit, buffer, (size_t)n);
		if (n <= 0 || !(events & EPOLLRDHUP))
			break;
	}
	if (n == 0)
		finish(crowd, place, end_of_stream(crowd, visit));
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		finish(crowd, place, end_of_error(errno));
}

/* Ends what is overdue, starts what is idle. */
static void
sweep(struct crowd *crowd, uint64_t now)
{
	unsigned i;

	crowd->swept = now;
	for (i = 0; i < crowd->order->at; i++) {
		struct visit *visit = &crowd->visits[i];

		if (visit->fd == -1) {
			if (may_start(crowd, now))
				start(crowd, i);
		} else if (now > visit->started &&
		    now - visit->started > crowd->order->wait_ns)
			finish(crowd, i, CROWD_TIMEOUT);
	}
}

static void
start_due(struct crowd *crowd, uint64_t now)
{
	unsigned i, place;

	for (i = 0; i < crowd->order->at && may_start(crowd, now); i++) {
		place = crowd->next++ % crowd->order->at;
		if (crowd->visits[place].fd == -1)
			start(crowd, place);
	}
}

static int
loop(struct crowd *crowd)
{
	int i, n, wait_ms = crowd->order->rate == 0 ? SWEEP_MS : PACE_MS;
	struct epoll_event events[EVENTS_MAX];
	uint64_t now;

	for (now = crowd->started; crowd->live > 0 || may_go_on(crowd, now);
	     now = now_ns()) {
		if (now - crowd->swept >= SWEEP_MS * UINT64_C(1000000))
			sweep(crowd, now);
		if (crowd->order->rate > 0)
			start_due(crowd, now);
		n = epoll_wait(crowd->poller, events, EVENTS_MAX, wait_ms);
		if (n == -1 && errno != EINTR)
			return -1;
		for (i = 0; i < n; i++)
			proceed(crowd, events[i].data.u32, events[i].events);
	}
	crowd->result->elapsed_ns = now - crowd->started;
	if (crowd->result->elapsed_ns > crowd->order->run_ns)
		crowd->result->elapsed_ns = crowd->order->run_ns;
	return 0;
}

int
crowd_run(const struct crowd_order *order, struct crowd_result *result)
{
	struct crowd crowd = { .order = order, .result = result };
	int status = -1;
	unsigned i;

	for (i = 0; i < CROWD_TEXTS; i++)
		crowd.sizes[i] =
		    order->texts[i] == NULL ? 0 : strlen(order->texts[i]);
	crowd.visits = calloc(order->at, sizeof(*crowd.visits));
	crowd.poller = epoll_create1(EPOLL_CLOEXEC);
	if (crowd.visits == NULL || crowd.poller == -1)
		goto out;
	for (i = 0; i < order->at; i++)
		crowd.visits[i].fd = -1;
	crowd.started = now_ns();
	sweep(&crowd, crowd.started);
	status = loop(&crowd);
out:
	free(crowd.visits);
	if (crowd.poller != -1)
		close(crowd.poller);
	return status;
}
