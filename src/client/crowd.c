/* The connections of the load generator, on one epoll(7). */
#include "config.h"

#include "client/crowd.h"

#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/visit.h"

#define EVENTS_MAX 256
#define SWEEP_MS 100 /* between looks for what is overdue or idle */
#define PACE_MS 1 /* between looks for what is due, with a rate */
#define READ_SIZE 4096
#define SPARE_FILES 16 /* descriptors besides the connections */

struct crowd {
	const struct crowd_order *order;
	struct crowd_result *result;
	struct visit *visits;
	int poller;
	unsigned live;
	unsigned next; /* where to look for an idle place, with a rate */
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
	[CROWD_PORTS] = "ports",
	[CROWD_LOCAL] = "local",
	[CROWD_OTHER] = "other",
};

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
is_stopped(const struct crowd_order *order)
{
	return order->stop != NULL && *order->stop != 0;
}

static bool
may_go_on(const struct crowd *crowd, uint64_t now)
{
	const struct crowd_order *order = crowd->order;

	return !is_stopped(order) && crowd->made < order->total &&
	    now - crowd->started < order->run_ns;
}

static bool
may_start(const struct crowd *crowd, uint64_t now)
{
	return may_go_on(crowd, now) && crowd->made < due(crowd, now);
}

/* Leaves the port to connect(2), which needs it free for one peer only. */
static int
bind_source(const struct crowd *crowd, unsigned place, int fd)
{
	const struct crowd_order *order = crowd->order;
	struct sockaddr_in address = { .sin_family = AF_INET };
	const int on = 1;

	if (order->bind != NULL)
		return order->bind(fd, crowd->made - 1);
	if (order->sources == 0)
		return 0;
	if (setsockopt(
		fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) == -1)
		return -1;
	address.sin_addr.s_addr =
	    htonl(INADDR_LOOPBACK + order->first - 1 + place % order->sources);
	return bind(fd, (struct sockaddr *)&address, sizeof(address));
}

/* Sends the request, which fits into any socket's buffer.  Over loopback the
 * connection is mostly there when connect(2) returns. */
static int
say(const struct crowd *crowd, struct visit *visit, int fd)
{
	const struct crowd_order *order = crowd->order;

	if (send(fd, order->request, order->request_length, MSG_NOSIGNAL) == -1)
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

	fd = socket(order->server.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	if (bind_source(crowd, place, fd) == -1)
		goto fail;
	visit->started = visit_now();
	if (connect(fd, (const struct sockaddr *)&order->server,
		order->server_length) == -1 &&
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

/* A socket's address that cannot be had is its port: the caller has looked at
 * the server's. */
static void
count_unmade(struct crowd_result *result, int error)
{
	enum crowd_end end = end_of_error(error);

	if (error == EADDRNOTAVAIL)
		end = CROWD_PORTS;
	else if (error == EAGAIN) /* a UNIX socket whose backlog is full */
		end = CROWD_REFUSED;
	else if (end == CROWD_OTHER)
		end = CROWD_LOCAL;
	if (end >= CROWD_PORTS)
		result->error = error;
	result->ends[end]++;
}

static void
start(struct crowd *crowd, unsigned place)
{
	struct visit *visit = &crowd->visits[place];

	crowd->made++;
	visit_begin(crowd->order, visit);
	visit->fd = open_socket(crowd, place);
	if (visit->fd == -1) /* sending may be what shows a refusal */
		count_unmade(crowd->result, errno);
	else
		crowd->live++;
}

/* Counts the visit, then starts the next in its place. */
static void
finish(struct crowd *crowd, unsigned place, enum crowd_end end)
{
	struct crowd_result *result = crowd->result;
	struct visit *visit = &crowd->visits[place];
	uint64_t now = visit_now();

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

/* The connection is there: says what was not said at once. */
static int
say_late(struct crowd *crowd, unsigned place)
{
	struct visit *visit = &crowd->visits[place];

	if (say(crowd, visit, visit->fd) == -1)
		return -1;
	return watch(crowd, place, visit->fd, EPOLL_CTL_MOD);
}

static bool
is_overdue(
    const struct crowd *crowd, const struct visit *visit, uint64_t now)
{
	return now > visit->started &&
	    now - visit->started > crowd->order->wait_ns;
}

/* Reads what there is: a second time when the end of stream is there too. */
static void
proceed(struct crowd *crowd, unsigned place, uint32_t events)
{
	struct visit *visit = &crowd->visits[place];
	char buffer[READ_SIZE];
	ssize_t n = -1;
	int i;

	if (is_overdue(crowd, visit, visit_now())) {
		finish(crowd, place, CROWD_TIMEOUT);
		return;
	}
	if (visit->owes && say_late(crowd, place) == -1) {
		finish(crowd, place, end_of_error(errno));
		return;
	}
	for (i = 0; i < 2; i++) {
		n = read(visit->fd, buffer, sizeof(buffer));
		if (n > 0)
			visit_take(crowd->order, crowd->result, visit, buffer,
			    (size_t)n);
		if (n <= 0 || !(events & EPOLLRDHUP))
			break;
	}
	if (n == 0)
		finish(crowd, place, visit_end(crowd->order, visit));
	else if (n == -1 && errno != EAGAIN && errno != EINTR) {
		crowd->result->error = errno;
		finish(crowd, place, end_of_error(errno));
	}
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
		} else if (is_overdue(crowd, visit, now)) {
			finish(crowd, i, CROWD_TIMEOUT);
		}
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

static void
tick(struct crowd *crowd, uint64_t now)
{
	const struct crowd_order *order = crowd->order;

	sweep(crowd, now);
	if (order->progress != NULL)
		order->progress(order, crowd->made - crowd->live);
}

static bool
is_going(const struct crowd *crowd, uint64_t now)
{
	return !is_stopped(crowd->order) &&
	    (crowd->live > 0 || may_go_on(crowd, now));
}

/* What is still open then. */
static void
abandon(struct crowd *crowd)
{
	unsigned i;

	crowd->result->unfinished = crowd->live;
	for (i = 0; i < crowd->order->at; i++)
		if (crowd->visits[i].fd != -1)
			close(crowd->visits[i].fd);
}

static int
loop(struct crowd *crowd)
{
	int i, n, wait_ms = crowd->order->rate == 0 ? SWEEP_MS : PACE_MS;
	struct epoll_event events[EVENTS_MAX];
	uint64_t now;

	for (now = crowd->started; is_going(crowd, now); now = visit_now()) {
		if (now - crowd->swept >= SWEEP_MS * UINT64_C(1000000))
			tick(crowd, now);
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
	abandon(crowd);
	return 0;
}

int
crowd_run(const struct crowd_order *order, struct crowd_result *result)
{
	struct crowd crowd = { .order = order, .result = result };
	int status = -1;
	unsigned i;

	crowd.visits = calloc(order->at, sizeof(*crowd.visits));
	crowd.poller = epoll_create1(EPOLL_CLOEXEC);
	if (crowd.visits == NULL || crowd.poller == -1)
		goto out;
	for (i = 0; i < order->at; i++)
		crowd.visits[i].fd = -1;
	crowd.started = visit_now();
	sweep(&crowd, crowd.started);
	status = loop(&crowd);
out:
	free(crowd.visits);
	if (crowd.poller != -1)
		close(crowd.poller);
	return status;
}

int
crowd_raise_files(unsigned at)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == -1)
		return -1;
	if (files.rlim_cur >= at + SPARE_FILES)
		return 0;
	files.rlim_cur = at + SPARE_FILES;
	return setrlimit(RLIMIT_NOFILE, &files);
}
