/* A service at work, for tests. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "unit/service.h"

#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <netinet/in.h>

#include <linux/tcp.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "master/config/greetings.h"
#include "master/clients/accept.h"
#include "master/clients/hand_over.h"
#include "master/system/clock.h"
#include "master/system/events.h"

#define SLOTS_MAX 512
#define FIRST_PORT 7001

struct service service;
struct setup setup;
int64_t now;
struct spawner_fake spawner;

static struct spawners spawners;
static struct generation generation = { .spawners = &spawners };

/* What the spawner has to tell. */
static struct handed decided[SLOTS_MAX];
static size_t n_decided;
static size_t n_undecided;

static struct child {
	pid_t pid; /* 0: none */
	int pipe; /* what is written there is its exit status */
} children[SLOTS_MAX];

bool __wrap_spawners_can_take(const struct spawners *spawners);
int __wrap_spawners_hand_over(
    struct spawners *spawners, const struct order *order, int64_t now);
bool __wrap_spawners_are_busy(const struct spawners *spawners);
bool __wrap_spawners_next(
    struct spawners *spawners, int64_t now, struct handed *handed);
uint64_t __wrap_spawners_serving(const struct spawners *spawners);
pid_t __wrap_groups_reap(struct groups *groups, uint32_t index, pid_t pid,
    int *status, struct rusage *usage);
void __wrap_generation_crashed(
    struct generation *generation, uint64_t number, int64_t now);

bool
service_waited(unsigned *tries)
{
	usleep(1000);
	return ++*tries > 20000;
}

/* ------------------------------------------------------------------- spawner */

bool
__wrap_spawners_can_take(const struct spawners *unused)
{
	(void)unused;
	return !spawner.is_full;
}

int
__wrap_spawners_hand_over(
    struct spawners *unused, const struct order *order, int64_t when)
{
	(void)unused;
	(void)when;
	assert_true(order->fd >= 0);
	if (spawner.error != 0) {
		errno = spawner.error;
		return -1;
	}
	assert_true(spawner.n < SLOTS_MAX);
	spawner.slots[spawner.n++] = order->slot;
	n_undecided++;
	return 0;
}

bool
__wrap_spawners_are_busy(const struct spawners *unused)
{
	(void)unused;
	return n_undecided > 0;
}

bool
__wrap_spawners_next(
    struct spawners *unused, int64_t when, struct handed *handed)
{
	(void)unused;
	(void)when;
	if (n_decided == 0)
		return false;
	*handed = decided[0];
	memmove(decided, decided + 1, --n_decided * sizeof(decided[0]));
	return true;
}

uint64_t
__wrap_spawners_serving(const struct spawners *unused)
{
	(void)unused;
	return SERVICE_GENERATION;
}

/* Children of ours are in no group. */
pid_t
__wrap_groups_reap(struct groups *unused, uint32_t index, pid_t pid,
    int *status, struct rusage *usage)
{
	(void)unused;
	(void)index;
	return wait4(pid, status, WNOHANG, usage);
}

void
__wrap_generation_crashed(
    struct generation *unused, uint64_t number, int64_t when)
{
	(void)unused;
	(void)when;
	spawner.crashes++;
	spawner.crashed = number;
}

static void
decide(struct handed handed)
{
	assert_true(n_undecided > 0);
	n_undecided--;
	decided[n_decided++] = handed;
}

void
spawner_fail(uint32_t slot, int error)
{
	decide((struct handed) { .slot = slot, .error = error });
}

/* ------------------------------------------------------------------ children */

/* Nothing of ours stays open in it but its pipe, where it says that it is
 * ready. */
static _Noreturn void
child_run(int pipe)
{
	unsigned char order = 0;

	signal(SIGSEGV, SIG_DFL); /* cmocka's is for itself */
	signal(SIGSYS, SIG_DFL);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (dup2(pipe, 0) == -1 || close_range(1, ~0U, 0) == -1)
		_exit(255);
	if (write(0, &order, 1) != 1)
		_exit(255);
	while (read(0, &order, 1) == 1) {
		if (order != SIGTERM + 128)
			_exit(order);
		signal(SIGTERM, SIG_IGN);
		if (write(0, &order, 1) != 1)
			_exit(255);
	}
	_exit(254);
}

void
spawner_clone(uint32_t slot)
{
	struct child *child = &children[slot];
	unsigned char ready;
	int ends[2];

	assert_true(slot < SLOTS_MAX && child->pid == 0);
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
	child->pid = fork();
	if (child->pid == 0)
		child_run(ends[1]);
	assert_true(child->pid > 0);
	close(ends[1]);
	child->pipe = ends[0];
	assert_int_equal(read(child->pipe, &ready, 1), 1);
	decide((struct handed) { .slot = slot, .pid = child->pid });
}

static void
child_forget(struct child *child)
{
	close(child->pipe);
	*child = (struct child) { 0 };
}

/* Until it has ended; who reaps it is the code under test. */
static void
child_await(struct child *child)
{
	siginfo_t info;

	assert_int_equal(waitid(P_PID, (id_t)child->pid, &info,
			     WEXITED | WNOWAIT),
	    0);
	child_forget(child);
}

void
child_exit(uint32_t slot, int status)
{
	unsigned char order = (unsigned char)status;

	assert_int_equal(write(children[slot].pipe, &order, 1), 1);
	child_await(&children[slot]);
}

void
child_kill(uint32_t slot, int signal)
{
	assert_int_equal(kill(children[slot].pid, signal), 0);
	child_await(&children[slot]);
}

void
child_deafen(uint32_t slot)
{
	unsigned char order = SIGTERM + 128;

	assert_int_equal(write(children[slot].pipe, &order, 1), 1);
	assert_int_equal(read(children[slot].pipe, &order, 1), 1);
}

bool
child_has_died(uint32_t slot, int signal)
{
	siginfo_t info = { 0 };

	if (waitid(P_PID, (id_t)children[slot].pid, &info,
		WEXITED | WNOWAIT | WNOHANG) == -1 || info.si_pid == 0)
		return false;
	assert_int_equal(info.si_status, signal);
	child_forget(&children[slot]);
	return true;
}

/* Those that the test has left. */
static void
children_end(void)
{
	size_t i;

	for (i = 0; i < SLOTS_MAX; i++) {
		if (children[i].pid == 0)
			continue;
		kill(children[i].pid, SIGKILL);
		waitpid(children[i].pid, NULL, 0);
		child_forget(&children[i]);
	}
	while (waitpid(-1, NULL, WNOHANG) > 0)
		continue;
}

void
child_greet(uint32_t slot)
{
	const struct client *client = &service.clients.slots[slot];
	const struct plan *plan = setup.snapshot.plan;
	const struct plan_session *session = &plan->session[client->session];
	const char *greeting = (const char *)plan + session->greeting_offset;
	int bytes = 400000;

	setsockopt(client->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	assert_int_equal(send(client->fd, greeting, session->greeting_length,
			     MSG_NOSIGNAL | MSG_DONTWAIT),
	    session->greeting_length);
	assert_int_equal(shutdown(client->fd, SHUT_WR), 0);
}

/* ------------------------------------------------------------------- service */

/* An address of 127.0.0.0/8 that no other test has at this time. */
static const char *
own_address(void)
{
	static char text[32];
	unsigned pid = (unsigned)getpid();

	snprintf(text, sizeof(text), "127.%u.%u.%u", 100 + (pid >> 16) % 100,
	    pid >> 8 & 0xff, 1 + pid % 0xff);
	return text;
}

const char *
service_conf(const char *top, const char *a, const char *b)
{
	static char text[300000];
	const char *address = own_address();
	int n;

	n = snprintf(text, sizeof(text),
	    "%s sandbox = \"off\"; control_socket = \"\";\n"
	    "listeners = ( { name = \"a\"; address = \"%s\"; port = %d; %s %s }",
	    top, address, FIRST_PORT,
	    strncmp(a, "greeting", 8) == 0 || strstr(a, "\"agent\"") != NULL ?
		"" : "greeting = \"hi client\\n\";",
	    a);
	if (b != NULL)
		n += snprintf(text + n, sizeof(text) - (size_t)n,
		    ", { name = \"b\"; address = \"%s\"; port = %d; "
		    "greeting = \"hi client\\n\"; %s }",
		    address, FIRST_PORT + 1, b);
	n += snprintf(text + n, sizeof(text) - (size_t)n, " );\n");
	assert_true((size_t)n < sizeof(text));
	return text;
}

static void
prepare(struct setup *fresh, const struct setup *running, const char *text)
{
	struct report report;
	struct greeting *greetings;

	fresh->conf = confs_load(text, &report);
	if (fresh->conf == NULL)
		fail_msg("%s: %s", text, report.lines[0].text);
	greetings = greetings_load(fresh->conf, "x", &report);
	assert_non_null(greetings);
	if (setup_prepare(fresh, running, greetings, "x", &report) == -1 ||
	    listeners_listen(&fresh->listeners, &report) == -1 ||
	    watch_register(&service.watch, &fresh->listeners, &report) == -1)
		fail_msg("%s", report.lines[0].text);
	greetings_free(greetings, greetings_count(fresh->conf));
	assert_int_equal(serve_prepare(&service, fresh->conf), 0);
}

void
service_begin(const char *top, const char *a, const char *b)
{
	const struct setup none = SETUP_NONE;

	now = 1000 * CLOCK_SECOND;
	logged_clear();
	spawner = (struct spawner_fake) { 0 };
	n_decided = n_undecided = 0;
	setup = SETUP_NONE;
	assert_null(serve_init(
	    &service, epoll_create1(EPOLL_CLOEXEC), &setup, &generation));
	prepare(&setup, &none, service_conf(top, a, b));
	serve_configure(&service, now);
	service.is_open = true;
}

void
service_change(const char *top, const char *a, const char *b)
{
	struct setup last = setup, fresh = SETUP_NONE;

	prepare(&fresh, &last, service_conf(top, a, b));
	setup = fresh;
	serve_configure(&service, now);
	watch_remove(&service.watch, &last.listeners, &setup.listeners);
	setup_free(&last, &setup);
}

int
service_teardown(void **state)
{
	struct client *client = service.clients.slots;
	uint32_t slot;

	(void)state;
	for (slot = 0; slot < service.clients.used; slot++, client++) {
		if (client->phase == CLIENT_FREE)
			continue;
		if (client->phase != CLIENT_WAITING)
			close(client->fd);
		if (client->pidfd != -1)
			close(client->pidfd);
	}
	children_end();
	serve_free(&service);
	setup_free(&setup, NULL);
	close(service.epoll);
	return 0;
}

static bool
dispatch(const struct epoll_event *event)
{
	uint32_t index = event_index(event);

	switch (event_kind(event)) {
	case EVENT_LISTENER:
		watch_event(&service.watch, index, event->events, now);
		break;
	case EVENT_CLIENT:
		reap_child(&service, index, now);
		break;
	case EVENT_LINGER:
		linger_event(&service.linger, index, now);
		break;
	case EVENT_PROXY:
		declare_event(&service, index, now);
		break;
	default:
		fail_msg("event of kind %d", (int)event_kind(event));
	}
	return true;
}

void
service_events(void)
{
	struct epoll_event events[64];
	int i, n = epoll_wait(service.epoll, events, 64, 0);

	for (i = 0; i < n; i++)
		dispatch(&events[i]);
}

void
service_await(enum event_kind kind)
{
	struct epoll_event event;

	do {
		if (epoll_wait(service.epoll, &event, 1, 20000) != 1)
			fail_msg("no event of kind %d", (int)kind);
		dispatch(&event);
	} while (event_kind(&event) != kind);
}

void
service_turn(void)
{
	service_events();
	accept_step(&service, now);
	hand_over_step(&service, now);
	reap_step(&service, now);
	accept_resume(&service, now);
}

const struct counters_row *
service_row(size_t listener)
{
	return &service.counters.rows[setup.listeners.list[listener].row];
}

/* ------------------------------------------------------------------- clients */

/* Connections that wait to be accepted, tcp(7): tcpi_unacked. */
static unsigned
queue_of(size_t listener)
{
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	assert_int_equal(getsockopt(setup.listeners.list[listener].fd,
			     IPPROTO_TCP, TCP_INFO, &info, &length),
	    0);
	return info.tcpi_unacked;
}

int
client_connect_slow(size_t listener, const char *from, int receive_bytes)
{
	struct sockaddr_storage address;
	socklen_t length = addr_to_sockaddr(
	    &setup.listeners.list[listener].bound, &address);
	unsigned before = queue_of(listener);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage own;
	struct addr addr;

	assert_int_not_equal(fd, -1);
	if (receive_bytes != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
		    sizeof(receive_bytes));
	if (from != NULL) {
		assert_int_equal(addr_parse(&addr, from), 0);
		assert_int_equal(bind(fd, (struct sockaddr *)&own,
				     addr_to_sockaddr(&addr, &own)),
		    0);
	}
	assert_int_equal(
	    connect(fd, (struct sockaddr *)&address, length), 0);
	AWAIT(queue_of(listener) == before + 1);
	return fd;
}

int
client_connect(size_t listener, const char *from)
{
	return client_connect_slow(listener, from, 0);
}

uint32_t
client_serve(size_t listener, const char *from, int *fd)
{
	uint32_t slot;

	*fd = client_connect(listener, from);
	service_events();
	accept_step(&service, now);
	assert_true(spawner.n > 0);
	slot = spawner.slots[spawner.n - 1];
	spawner_clone(slot);
	hand_over_step(&service, now);
	assert_int_equal(service.clients.slots[slot].phase, CLIENT_YOUNG);
	return slot;
}

const char *
client_read(int fd)
{
	static char text[4096];
	ssize_t n = recv(fd, text, sizeof(text) - 1, MSG_WAITALL);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

void
client_reset(int fd)
{
	static const struct linger reset = { 1, 0 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
}
