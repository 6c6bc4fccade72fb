/* The canary: a spawner on trial, and its first client, which is ours. */
#include "config.h"

#include "master/generations/canary.h"

#include <sys/pidfd.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/generations/launch.h"
#include "master/generations/spawners.h"
#include "master/system/child.h"
#include "master/system/clock.h"
#include "master/system/events.h"

int
canary_order(struct spawner *spawner, struct order *order)
{
	int result;

	order->slot = PLAN_CANARY_SLOT;
	result = spawners_order(spawner, order);
	return result == -1 && (errno == EPIPE || errno == ECONNRESET) ?
	    0 :
	    result;
}

/* The end of the answer's head, in PLAN_HTTP. */
static const char end[] = "Date: Thu, 01 Jan 1970 00:00:00 GMT\r\n\r\n";
static const char request[] = "GET / HTTP/1.0\r\n\r\n";

/* Both declare nobody. */
static const char header_1[] = "PROXY UNKNOWN\r\n";
static const char header_2[] = "\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";

const struct plan_session *
canary_session(const struct plan *plan)
{
	uint32_t i;

	for (i = 0; i < plan->n_sessions; i++)
		if (plan->session[i].proxy_versions != 0)
			return &plan->session[i];
	return &plan->session[0];
}

/* A part of what the canary gets. */
struct part {
	const char *bytes;
	size_t length;
};

enum { HEAD, END, GREETING, PARTS };

static void
parts_of(const struct plan *plan, struct part parts[PARTS])
{
	const struct plan_session *session = canary_session(plan);
	const char *bytes = (const char *)plan;
	size_t most = PLAN_ORDER_BYTES_MAX - PLAN_HEAD_MAX;

	parts[HEAD] = (struct part) { bytes + session->head_offset,
		session->head_length };
	parts[END] = (struct part) { end,
		session->format == PLAN_HTTP ? sizeof(end) - 1 : 0 };
	parts[GREETING] = (struct part) { bytes + session->greeting_offset,
		session->greeting_length };
	if (session->rendered && parts[GREETING].length > most)
		parts[GREETING].length = most;
}

bool
canary_takes(const struct plan *plan, size_t at, const char *bytes, size_t n)
{
	struct part parts[PARTS];
	size_t i, length;

	parts_of(plan, parts);
	for (i = 0; i < PARTS; i++) {
		if (at >= parts[i].length) {
			at -= parts[i].length;
			continue;
		}
		length = parts[i].length - at;
		length = length < n ? length : n;
		if (memcmp(bytes, parts[i].bytes + at, length) != 0)
			return false;
		bytes += length;
		n -= length;
		at = 0;
	}
	return n == 0;
}

size_t
canary_length(const struct plan *plan)
{
	struct part parts[PARTS];

	parts_of(plan, parts);
	return parts[HEAD].length + parts[END].length + parts[GREETING].length;
}

/* What the spawner is sent for the canary. */
static void
order_make(struct order *order, const struct plan *plan,
    char bytes[PLAN_ORDER_BYTES_MAX])
{
	struct part parts[PARTS];

	parts_of(plan, parts);
	memcpy(bytes, parts[END].bytes, parts[END].length);
	*order = (struct order) { .bytes = bytes, .length = parts[END].length,
		.head = parts[END].length, .pair = -1,
		.session = (uint32_t)(canary_session(plan) - plan->session) };
	if (!canary_session(plan)->rendered)
		return;
	memcpy(bytes + order->length, parts[GREETING].bytes,
	    parts[GREETING].length);
	order->length += parts[GREETING].length;
}

/* The canary's header, none for length 0. */
static const char *
header_of(const struct plan_session *session, size_t *length)
{
	bool text = (session->proxy_versions & PLAN_PROXY_V1) != 0;

	*length = session->proxy_versions == 0 ? 0 :
	    text ? sizeof(header_1) - 1 : sizeof(header_2) - 1;
	return text ? header_1 : header_2;
}

/* Returns 0, or -1 with errno. */
static int
say(int fd, const char *bytes, size_t length)
{
	return length == 0 ||
		send(fd, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) ==
		    (ssize_t)length ?
	    0 : -1;
}

/* All that it says; a held client goes when it has everything, which may be so at
 * once.  Returns 0, or -1 with errno. */
static int
client_speaks(int fd, const struct plan *plan)
{
	const struct plan_session *session = canary_session(plan);
	size_t length;
	const char *header = header_of(session, &length);

	if (say(fd, header, length) == -1)
		return -1;
	if (session->format == PLAN_HTTP &&
	    say(fd, request, sizeof(request) - 1) == -1)
		return -1;
	return canary_length(plan) == 0 ? shutdown(fd, SHUT_WR) : 0;
}

/* The word to go on is there before the child asks for it; what would have come
 * with the order comes with that.  Returns 0, or -1 with errno. */
static int
pair_make(struct spawner *spawner, struct order *order)
{
	struct plan_go go = { order->session, (uint32_t)order->head };
	struct iovec parts[] = {
		{ &go, sizeof(go) },
		{ (void *)(uintptr_t)order->bytes, order->length },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = 2 };
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	spawner->pair = ends[0];
	order->proxied = true;
	order->pair = ends[1];
	order->length = order->head = 0;
	return sendmsg(ends[0], &message, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ?
	    -1 : 0;
}

bool
canary_was_declared(const struct spawner *spawner, const struct plan *plan)
{
	struct plan_declared declared;
	size_t length;
	ssize_t n;

	if (spawner->pair == -1)
		return true;
	header_of(canary_session(plan), &length);
	n = recv(spawner->pair, &declared, sizeof(declared),
	    MSG_DONTWAIT | MSG_TRUNC);
	if (n != -1)
		errno = 0;
	return n == (ssize_t)sizeof(declared) && declared.length == length &&
	    declared.client.family == AF_UNSPEC;
}

/* Connects the canary and hands it over as the first client. */
static int
client_start(struct spawner *spawner, const struct plan *plan)
{
	char bytes[PLAN_ORDER_BYTES_MAX];
	struct order order;
	int ends[2], result;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	spawner->canary = ends[0];
	order_make(&order, plan, bytes);
	order.fd = ends[1];
	result = client_speaks(ends[0], plan);
	if (result == 0 && canary_session(plan)->proxy_versions != 0)
		result = pair_make(spawner, &order);
	if (result == 0)
		result = canary_order(spawner, &order);
	close(ends[1]);
	if (order.pair != -1)
		close(order.pair);
	return result;
}

/* errno 0 stands for a process that leads no group, or a page without bytes. */
static int
process_start(struct spawners *spawners, struct spawner *spawner, int plan_fd)
{
	int ends[2], error;

	if (spawners_page_make(spawner) == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	spawner->socket = ends[0];
	spawner->pid = launch(
	    spawners->executable, ends[1], plan_fd, spawner->page_fd);
	error = errno;
	close(ends[1]);
	close(spawner->page_fd); /* it is mapped */
	spawner->page_fd = -1;
	errno = error;
	if (spawner->pid == -1)
		return -1;
	spawner->group = groups_add(&spawners->groups, spawner->pid);
	if (spawner->group == GROUP_NONE)
		return -1;
	spawner->pidfd = pidfd_open(spawner->pid, 0);
	return spawner->pidfd == -1 ? -1 : 0;
}

static int
watch(const struct spawners *spawners, const struct spawner *spawner)
{
	uint32_t index = (uint32_t)(spawner - spawners->list);
	int epoll = spawners->epoll;

	return event_add(epoll, spawner->pidfd, EVENT_SPAWNER, index) == -1 ||
		event_add(epoll, spawner->socket, EVENT_SPAWNER, index) ==
		    -1 ||
		event_add(epoll, spawner->canary, EVENT_SPAWNER, index) == -1 ?
	    -1 :
	    0;
}

static int
free_index(const struct spawners *spawners)
{
	int i;

	for (i = 0; i < SPAWNERS_MAX; i++)
		if (spawners->list[i].state == SPAWNER_FREE)
			return i;
	return -1;
}

/* What process_start() or what follows could not do. */
static void
begin_failed(struct spawners *spawners, struct trial *trial,
    const struct spawner *spawner, int error)
{
	trial->cause = error == 0 ? EXIT_PRIVILEGE : EXIT_SYSTEM;
	snprintf(trial->failure, sizeof(trial->failure), "%s: %s",
	    error != 0			  ? "starting the spawner" :
		spawner->page == NULL ? "spawner: ftruncate of the pid page" :
					    "spawner: setpgid",
	    error == 0 ? "not in effect" : strerror(error));
	if (spawner->pid > 0 && spawner->group == GROUP_NONE)
		child_end(spawner->pid);
	spawners_end(spawners, &spawners->list[trial->index]);
}

struct spawner *
canary_begin(struct spawners *spawners, struct trial *trial, int plan_fd)
{
	struct spawner *spawner;
	int index = free_index(spawners);

	if (index == -1) {
		trial->cause = EXIT_SYSTEM;
		snprintf(trial->failure, sizeof(trial->failure),
		    "%d earlier spawners have not ended yet", SPAWNERS_MAX);
		return NULL;
	}
	spawner = &spawners->list[index];
	spawner->state = SPAWNER_TRIAL;
	spawner->deadline = clock_now() + SPAWNER_TRIAL_MS * CLOCK_MS;
	trial->index = index;
	if (process_start(spawners, spawner, plan_fd) == 0 &&
	    client_start(spawner, trial->plan) == 0 && watch(spawners, spawner) == 0)
		return spawner;
	begin_failed(spawners, trial, spawner, errno);
	return NULL;
}
