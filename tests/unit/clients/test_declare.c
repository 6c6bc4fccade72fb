/* Clients behind a proxy: the verdict on what a child says of its client, and
 * what becomes of that when something else comes between. */
#include "config.h"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/declare.h"
#include "master/clients/hand_over.h"
#include "master/clients/proxy.h"
#include "master/config/resources.h"
#include "master/system/clock.h"
#include "unit/service.h"

#define TRUSTED "proxy_protocol = { trusted = \"127.0.0.0/8\"; }; "
/* As many as a child is sent when it is let in, or more. */
#define SENT_MAX 8192

int __real_socketpair(int domain, int type, int protocol, int pair[2]);
int __wrap_socketpair(int domain, int type, int protocol, int pair[2]);
ssize_t __real_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *message, int flags);
ssize_t __real_recv(int fd, void *bytes, size_t room, int flags);
ssize_t __wrap_recv(int fd, void *bytes, size_t room, int flags);
ssize_t __wrap___recv_chk(
    int fd, void *bytes, size_t room, size_t size, int flags);

/* Errors of these three; 0: they work. */
static int no_pair, no_word, no_answer;
static int no_ones = -1; /* a descriptor that stands where no pair is */

int
__wrap_socketpair(int domain, int type, int protocol, int pair[2])
{
	errno = no_pair;
	if (no_pair == 0)
		return __real_socketpair(domain, type, protocol, pair);
	pair[0] = pair[1] = no_ones;
	return -1;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *message, int flags)
{
	errno = no_word;
	return no_word != 0 ? -1 : __real_sendmsg(fd, message, flags);
}

ssize_t
__wrap_recv(int fd, void *bytes, size_t room, int flags)
{
	errno = no_answer != 0 ? no_answer : EAGAIN; /* of something else */
	return no_answer != 0 ? -1 : __real_recv(fd, bytes, room, flags);
}

/* With _FORTIFY_SOURCE. */
ssize_t
__wrap___recv_chk(int fd, void *bytes, size_t room, size_t size, int flags)
{
	(void)size;
	return __wrap_recv(fd, bytes, room, flags);
}

static struct client *
client_of(uint32_t slot)
{
	return &service.clients.slots[slot];
}

#define RULES                                                                 \
	"rules = ( { from = \"192.0.2.7\"; action = \"deny\"; "               \
	"greeting = \"not you\\n\"; } ); "
#define RULE_ALL "rules = ( { from = \"any\"; action = \"deny\"; } ); "

/* One whose header is awaited, and whose child is known.  Its end, and that of
 * its child's pair. */
static uint32_t
await_one(size_t listener, int *fd, int *pair)
{
	uint32_t slot;

	accept_resume(&service, now);
	*fd = client_connect(listener, NULL);
	service_events();
	accept_step(&service, now);
	assert_true(spawner.n > 0);
	slot = spawner.slots[spawner.n - 1];
	*pair = dup(client_of(slot)->pair_child);
	assert_true(*pair >= 0);
	spawner_clone(slot);
	hand_over_step(&service, now);
	assert_int_equal(client_of(slot)->phase, CLIENT_YOUNG);
	assert_int_equal(client_of(slot)->proxied, PROXIED_AWAITED);
	return slot;
}

static struct plan_declared
declared_of(const char *client, const char *server)
{
	struct plan_declared declared = { .length = 40 };

	assert_int_equal(addr_parse(&declared.client, client), 0);
	assert_int_equal(addr_parse(&declared.server, server), 0);
	declared.client.port = 5000;
	return declared;
}

/* The child declares that; the master has heard it on return. */
static void
declare(int pair, struct plan_declared declared)
{
	assert_int_equal(send(pair, &declared, sizeof(declared), 0),
	    sizeof(declared));
	service_await(EVENT_PROXY);
}

/* What the child is told: its length; 0: to end. */
static ssize_t
told(int pair)
{
	char bytes[SENT_MAX];

	return recv(pair, bytes, sizeof(bytes), MSG_DONTWAIT);
}

static void
end_of(uint32_t slot, int status)
{
	child_exit(slot, status);
	reap_step(&service, now += CLOCK_SECOND);
}

/* ------------------------------------------------------------------ the verdict */

static void
who_is_let_in_is_whom_it_declares(void **state)
{
	char text[ADDR_TEXT_MAX];
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	assert_int_equal(service.awaited, 1);
	assert_int_equal(client_of(slot)->greeting_length, 0); /* not yet */
	declare(pair, declared_of("::ffff:192.0.2.7", "::ffff:203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
	assert_int_equal(service.awaited, 0);
	assert_int_equal(client_of(slot)->header, 40);
	assert_int_equal(client_of(slot)->pair, -1);
	assert_string_equal(
	    addr_format(&client_of(slot)->peer, text), "192.0.2.7");
	assert_string_equal(
	    addr_format(&client_of(slot)->local, text), "203.0.113.9");
	assert_int_equal(client_of(slot)->greeting_length,
	    sizeof(SERVICE_GREETING) - 1);
	assert_true(told(pair) > 0);
	close(fd);
	close(pair);
}

/* There is an event, and nothing can be read, with that errno, 0: there is
 * nothing.  What it says then comes to that. */
static void
hear_nothing(int error, enum client_proxied becomes)
{
	const struct plan_declared declared =
	    declared_of("192.0.2.7", "203.0.113.9");
	uint32_t slot;
	int fd, pair;

	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	no_answer = error;
	declare_event(&service, slot, now);
	no_answer = 0;
	assert_int_equal(client_of(slot)->proxied, PROXIED_AWAITED);
	assert_int_equal(send(pair, &declared, sizeof(declared), 0),
	    sizeof(declared));
	service_events();
	assert_int_equal(client_of(slot)->proxied, becomes);
	close(fd);
	close(pair);
	service_teardown(NULL);
}

/* An event may be from before. */
static void
who_has_said_nothing_is_still_heard(void **state)
{
	(void)state;
	hear_nothing(0, PROXIED_KNOWN);
	hear_nothing(EINTR, PROXIED_KNOWN);
	hear_nothing(ECONNRESET, PROXIED_AWAITED);
}

/* Its child is told to exit, and that is no end of the client. */
static void
who_comes_late_for_the_plan_gets_another_child(void **state)
{
	uint32_t slot;
	int fd, pair, copy;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	copy = dup(client_of(slot)->pair); /* as an upgrade's trial has it */
	client_of(slot)->plan--;
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_AGAIN);
	assert_int_equal(told(pair), 0);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
	hand_over_step(&service, now);
	assert_int_equal(client_of(slot)->phase, CLIENT_HANDED);
	assert_int_equal(client_of(slot)->pair_child, -1);
	close(fd);
	close(pair);
	close(copy);
}

/* Memory is short: that is neither the child's fault nor the client's. */
static void
who_cannot_be_told_to_go_on_gets_another_child(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	no_word = ENOBUFS;
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	no_word = 0;
	assert_int_equal(told(pair), 0);
	assert_int_equal(service.awaited, 0);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_int_equal(spawner.crashes, 0);
	assert_int_equal(service_row(0)->ended[OUTCOME_CRASHED], 0);
	assert_int_equal(service_row(0)->live, 1);
	hand_over_step(&service, now);
	assert_int_equal(client_of(slot)->phase, CLIENT_HANDED);
	close(fd);
	close(pair);
}

/* A child that is gone by then has its own end; until that is known, or for as
 * long as one that has been taken over likes, its pair is no event. */
static void
who_is_gone_is_not_told(void **state)
{
	struct epoll_event event;
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	close(fd);
	assert_int_equal(shutdown(pair, SHUT_RDWR), 0);
	close(pair);
	service_await(EVENT_PROXY);
	assert_int_equal(epoll_wait(service.epoll, &event, 1, 0), 0);
	assert_int_equal(service.awaited, 1);
	end_of(slot, OUTCOME_CLIENT_GONE);
	assert_int_equal(service.awaited, 0);
	assert_int_equal(service_row(0)->ended[OUTCOME_PROBED], 1);
}

/* Its own connection by IPv4, in IPv6's notation. */
static void
a_mapped_proxy_is_itself(void **state)
{
	struct plan_declared declared =
	    declared_of("::ffff:192.0.2.7", "::ffff:192.0.2.9");
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED RULE_ALL, NULL);
	slot = await_one(0, &fd, &pair);
	client_of(slot)->peer = declared.client;
	addr_unmap(&client_of(slot)->peer);
	declare(pair, declared);
	assert_true(client_of(slot)->unnamed);
	assert_true(client_of(slot)->quiet);
	close(fd);
	close(pair);
}

static void
spoil_min(struct plan_declared *declared)
{
	declared->length = PLAN_PROXY_HEADER_MIN - 1;
}

static void
spoil_max(struct plan_declared *declared)
{
	declared->length = PLAN_PROXY_HEADER_MAX + 1;
}

static void
spoil_client(struct plan_declared *declared)
{
	declared->client.scope = 1;
}

static void
spoil_server(struct plan_declared *declared)
{
	declared->server.scope = 1;
}

static void
spoil_bytes(struct plan_declared *declared)
{
	declared->server.bytes[15] = 1;
}

static void
spoil_family(struct plan_declared *declared)
{
	declared->server.family = AF_INET6;
}

static void
spoil_families(struct plan_declared *declared)
{
	declared->client.family = declared->server.family = AF_UNIX;
}

/* It is killed, and its generation is used up, whatever it says of its end. */
static void
who_makes_no_sense_has_been_taken_over(void **state)
{
	static void (*const spoil[])(struct plan_declared *) = { spoil_min,
		spoil_max, spoil_client, spoil_server, spoil_bytes,
		spoil_family, spoil_families };
	struct plan_declared declared;
	uint32_t slot;
	size_t i, n = sizeof(spoil) / sizeof(*spoil);
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	for (i = 0; i < n; i++) {
		declared = declared_of("192.0.2.7", "203.0.113.9");
		spoil[i](&declared);
		slot = await_one(0, &fd, &pair);
		declare(pair, declared);
		assert_int_equal(client_of(slot)->proxied, PROXIED_LIED);
		assert_int_equal(service.awaited, 0);
		AWAIT(child_has_died(slot, SIGKILL));
		reap_step(&service, now += CLOCK_SECOND);
		assert_int_equal(service_row(0)->ended[OUTCOME_CRASHED], i + 1);
		assert_int_equal(spawner.crashes, i + 1);
		close(fd);
		close(pair);
	}
}

/* The shortest and the longest header that there are. */
static void
who_declares_itself_shortly_or_at_length_is_heard(void **state)
{
	static const uint32_t lengths[] = { PLAN_PROXY_HEADER_MIN,
		PLAN_PROXY_HEADER_MAX };
	struct plan_declared declared;
	uint32_t slot;
	size_t i;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		declared = declared_of("192.0.2.7", "203.0.113.9");
		declared.length = lengths[i];
		slot = await_one(0, &fd, &pair);
		declare(pair, declared);
		assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
		assert_int_equal(client_of(slot)->header, lengths[i]);
		close(fd);
		close(pair);
	}
}

/* The proxy's own connection, LOCAL or UNKNOWN: no limit is about it, after a
 * reload either. */
static void
who_declares_nobody_is_let_in(void **state)
{
	struct plan_declared declared = { .length = 40 };
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED RULE_ALL, NULL);
	slot = await_one(0, &fd, &pair);
	declare(pair, declared);
	assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
	assert_true(client_of(slot)->unnamed);
	assert_int_equal(client_of(slot)->peer.bytes[0], 127);
	service_change(
	    "limits = { max_clients_per_source = 1; };", TRUSTED, NULL);
	assert_int_equal(client_of(slot)->source, ADMIT_NO_SOURCE);
	close(fd);
	close(pair);
}

/* A quarter of the places, 1: who comes then waits, or is refused. */
static void
who_is_undeclared_takes_few_places(void **state)
{
	uint32_t slot;
	int fds[3], pair;

	(void)state;
	service_begin("limits = { max_clients = 4; };", TRUSTED, "");
	slot = await_one(0, &fds[0], &pair);
	fds[1] = client_connect(0, NULL);
	fds[2] = client_connect(1, NULL);
	service_events();
	accept_step(&service, now);
	assert_int_equal(service_row(0)->accepted, 1);
	assert_int_equal(service_row(1)->accepted, 1);
	assert_int_equal(logged_count("full"), 1);
	assert_true(setup.listeners.list[0].muted);
	accept_resume(&service, now);
	assert_true(setup.listeners.list[0].muted);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
	accept_resume(&service, now);
	assert_false(setup.listeners.list[0].muted);
	service_events();
	accept_step(&service, now);
	assert_int_equal(service_row(0)->accepted, 2);
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
	close(pair);
}

/* Until it has declared itself it is no source. */
static void
a_reload_does_not_count_who_is_undeclared(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	service_change(
	    "limits = { max_clients_per_source = 1; };", TRUSTED, NULL);
	assert_int_equal(client_of(slot)->source, ADMIT_NO_SOURCE);
	assert_int_equal(service.admit.sources.n_live, 0);
	close(fd);
	close(pair);
}

/* Nobody else may say who a client is. */
static void
who_is_no_proxy_is_refused(void **state)
{
	int fd;

	(void)state;
	service_begin(
	    "", "proxy_protocol = { trusted = \"192.0.2.0/24\"; };", NULL);
	fd = client_connect(0, NULL);
	service_events();
	accept_step(&service, now);
	assert_int_equal(spawner.n, 0);
	assert_int_equal(service.awaited, 0);
	assert_int_equal(service_row(0)->refused[REFUSAL_DENIED], 1);
	assert_string_equal(client_read(fd), "access denied\n");
	close(fd);
}

/* Messages of another size. */
static void
who_says_too_little_or_too_much_has_been_taken_over(void **state)
{
	struct plan_declared declared[2] = { { 0 } };
	static const size_t lengths[] = { 1, sizeof(*declared) - 1,
		sizeof(*declared) + 1, sizeof(declared) };
	uint32_t slot;
	size_t i;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	declared[0] = declared_of("192.0.2.7", "203.0.113.9");
	for (i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
		slot = await_one(0, &fd, &pair);
		assert_int_equal(
		    send(pair, declared, lengths[i], 0), lengths[i]);
		service_await(EVENT_PROXY);
		assert_int_equal(client_of(slot)->proxied, PROXIED_LIED);
		close(fd);
		close(pair);
	}
}

/* One that is handed over, and not cloned as far as is known. */
static uint32_t
hand_over_one(int *fd, int *pair)
{
	uint32_t slot;

	*fd = client_connect(0, NULL);
	service_events();
	accept_step(&service, now);
	assert_true(spawner.n > 0);
	slot = spawner.slots[spawner.n - 1];
	*pair = dup(client_of(slot)->pair_child);
	assert_true(*pair >= 0);
	return slot;
}

/* A child may be heard before it is known. */
static void
who_is_heard_early_is_judged_all_the_same(void **state)
{
	struct plan_declared lie = { 0 };
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED RULE_ALL, NULL);
	slot = hand_over_one(&fd, &pair);
	declare(pair, lie);
	assert_int_equal(client_of(slot)->proxied, PROXIED_LIED);
	spawner_clone(slot);
	hand_over_step(&service, now);
	AWAIT(child_has_died(slot, SIGKILL));
	close(fd);
	close(pair);
	slot = hand_over_one(&fd, &pair);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_REFUSED);
	spawner_fail(slot, 0); /* its spawner has died: there is no child */
	hand_over_step(&service, now);
	assert_int_equal(service_row(0)->refused[REFUSAL_DENIED], 1);
	assert_string_equal(client_read(fd), "access denied\n");
	close(fd);
	close(pair);
}

static void
what_an_end_means(void **state)
{
	static const enum outcome sent[] = { OUTCOME_GREETED,
		OUTCOME_SEND_TIMEOUT, OUTCOME_BAD_REQUEST,
		OUTCOME_REQUEST_TIMEOUT };
	struct client client = { .proxied = PROXIED_AWAITED };
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sent) / sizeof(*sent); i++) {
		client.proxied = PROXIED_AWAITED;
		assert_int_equal(
		    proxy_outcome(&client, sent[i]), OUTCOME_CRASHED);
		client.proxied = PROXIED_KNOWN;
		assert_int_equal(proxy_outcome(&client, sent[i]), sent[i]);
		client.proxied = PROXIED_LIED;
		assert_int_equal(
		    proxy_outcome(&client, sent[i]), OUTCOME_CRASHED);
	}
	client.proxied = PROXIED_AWAITED;
	assert_int_equal(proxy_outcome(&client, OUTCOME_RESET), OUTCOME_RESET);
	assert_int_equal(
	    proxy_outcome(&client, OUTCOME_PROXY_ERROR), OUTCOME_PROXY_ERROR);
	client.proxied = PROXIED_AGAIN;
	assert_int_equal(
	    proxy_outcome(&client, OUTCOME_PROXY_ERROR), OUTCOME_PROXY_ERROR);
	client.ending = ENDING_SHUTDOWN;
	assert_int_equal(
	    proxy_outcome(&client, OUTCOME_PROXY_ERROR), OUTCOME_KILLED);
	assert_int_equal(
	    proxy_outcome(&client, OUTCOME_VIOLATION), OUTCOME_VIOLATION);
	client.ending = ENDING_DEADLINE;
	assert_int_equal(proxy_outcome(&client, OUTCOME_PROXY_ERROR),
	    OUTCOME_SESSION_TIMEOUT);
	assert_int_equal(
	    proxy_outcome(&client, OUTCOME_VIOLATION), OUTCOME_VIOLATION);
	client.proxied = PROXIED_KNOWN;
	assert_int_equal(
	    proxy_outcome(&client, OUTCOME_PROXY_ERROR), OUTCOME_CRASHED);
	client.proxied = PROXIED_NOT;
	assert_int_equal(
	    proxy_outcome(&client, OUTCOME_PROXY_ERROR), OUTCOME_CRASHED);
}

/* A header has no scope: the proxy's own connection over a link is its own
 * still. */
static void
a_proxy_of_this_link_is_itself(void **state)
{
	struct plan_declared declared;
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED RULE_ALL, NULL);
	slot = await_one(0, &fd, &pair);
	declared = declared_of("fe80::7", "fe80::9");
	client_of(slot)->peer = declared.client;
	client_of(slot)->peer.scope = 3;
	declare(pair, declared);
	assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
	assert_true(client_of(slot)->unnamed);
	assert_int_equal(client_of(slot)->peer.scope, 3);
	close(fd);
	close(pair);
	slot = await_one(0, &fd, &pair);
	client_of(slot)->peer = declared.client;
	client_of(slot)->peer.scope = 3;
	declared.client.port++;
	declare(pair, declared);
	assert_int_equal(client_of(slot)->proxied, PROXIED_REFUSED);
	close(fd);
	close(pair);
}

/* The proxy's port checks, without a header, are as quiet as itself; clients
 * are not. */
static void
a_quiet_proxy_is_quiet(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("log = { quiet = ( \"127.0.0.0/8\" ); };", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	close(fd);
	close(pair);
	end_of(slot, OUTCOME_CLIENT_GONE);
	assert_int_equal(service_row(0)->ended[OUTCOME_PROBED], 1);
	assert_int_equal(logged_count("client"), 0);
	slot = await_one(0, &fd, &pair);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	close(fd);
	close(pair);
	end_of(slot, OUTCOME_CLIENT_GONE);
	assert_int_equal(logged_count("client"), 1);
}

/* An event of the slot's last client, in the same turn, is none of this one's. */
static void
who_has_said_nothing_is_listened_to_on(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	declare_event(&service, slot, now);
	assert_int_equal(client_of(slot)->proxied, PROXIED_AWAITED);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
	declare_event(&service, slot, now);
	assert_int_equal(client_of(slot)->proxied, PROXIED_KNOWN);
	close(fd);
	close(pair);
}

/* One that is to end, but has been taken over, is no reason for another one. */
static void
who_crashes_when_told_to_end_has_crashed(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	client_of(slot)->plan--;
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	child_kill(slot, SIGSEGV);
	reap_step(&service, now += CLOCK_SECOND);
	assert_int_equal(client_of(slot)->phase, CLIENT_FREE);
	assert_int_equal(service_row(0)->ended[OUTCOME_CRASHED], 1);
	assert_int_equal(spawner.crashes, 1);
	close(fd);
	close(pair);
}

/* What both children of a client have used is counted, and what that of a refused
 * one has. */
static void
each_childs_time_is_counted(void **state)
{
	uint64_t before;
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED RULES, NULL);
	slot = await_one(0, &fd, &pair);
	client_of(slot)->plan--;
	declare(pair, declared_of("192.0.2.8", "203.0.113.9"));
	child_exit(slot, OUTCOME_PROXY_ERROR);
	before = service.counters.cpu_us;
	reap_step(&service, now += CLOCK_SECOND);
	assert_true(client_of(slot)->cpu_us > 0);
	assert_int_equal(service.counters.cpu_us - before,
	    (uint64_t)client_of(slot)->cpu_us);
	assert_true(hand_over_wakeup(&service) <= now);
	close(fd);
	close(pair);
	hand_over_step(&service, now);
	slot = await_one(0, &fd, &pair);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	before = service.counters.cpu_us;
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_int_equal(service_row(0)->refused[REFUSAL_DENIED], 1);
	assert_true(service.counters.cpu_us > before);
	close(fd);
	close(pair);
}

/* ------------------------------------------------------------- what comes between */

/* Refused, and its child has yet to end: a text that changes meanwhile changes
 * what it is told, but not that it is refused. */
static void
who_is_refused_is_told_so_after_a_change(void **state)
{
	static char long_text[20000] = "greeting = \"";
	uint32_t slot;
	int fd, pair;

	(void)state;
	memset(long_text + strlen(long_text), 'x', 15000);
	strcat(long_text, "\"; " TRUSTED RULES);
	service_begin("", TRUSTED RULES, NULL);
	slot = await_one(0, &fd, &pair);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_REFUSED);
	service_change("", long_text, NULL);
	assert_int_equal(client_of(slot)->source, ADMIT_NO_SOURCE);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_string_equal(client_read(fd), "not you\n");
	assert_int_equal(service_row(0)->refused[REFUSAL_DENIED], 1);
	assert_int_equal(service_row(0)->ended[OUTCOME_PROXY_ERROR], 0);
	assert_int_equal(service_row(0)->live, 0);
	close(fd);
	close(pair);
}

/* A rule that comes meanwhile is not why. */
static void
who_is_refused_before_there_is_a_rule_is_told_why(void **state)
{
	uint32_t slot;
	int fds[2], pairs[2];

	(void)state;
	service_begin(
	    "limits = { max_clients_per_source = 1; };", TRUSTED, NULL);
	await_one(0, &fds[0], &pairs[0]);
	declare(pairs[0], declared_of("192.0.2.7", "203.0.113.9"));
	slot = await_one(0, &fds[1], &pairs[1]);
	declare(pairs[1], declared_of("192.0.2.7", "203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_REFUSED);
	service_change("", TRUSTED RULES, NULL);
	assert_false(client_of(slot)->own_text);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_int_equal(
	    service_row(0)->refused[REFUSAL_BUSY_PER_SOURCE], 1);
	close(fds[0]);
	close(fds[1]);
	close(pairs[0]);
	close(pairs[1]);
}

/* The rule has gone, or its text. */
static void
who_is_refused_by_a_rule_that_goes_is_told_so(void **state)
{
	static const char *const fresh[] = {
		TRUSTED,
		TRUSTED "rules = ( { from = \"any\"; action = \"allow\"; "
			"greeting = \"welcome\\n\"; } );",
		TRUSTED "rules = ( { from = \"any\"; action = \"deny\"; } );",
	};
	uint32_t slot;
	size_t i;
	int fd, pair;

	(void)state;
	for (i = 0; i < sizeof(fresh) / sizeof(*fresh); i++) {
		service_begin("", TRUSTED RULES, NULL);
		slot = await_one(0, &fd, &pair);
		declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
		service_change("", fresh[i], NULL);
		end_of(slot, OUTCOME_PROXY_ERROR);
		assert_string_equal(client_read(fd), "access denied\n");
		close(fd);
		close(pair);
		if (i + 1 < sizeof(fresh) / sizeof(*fresh))
			service_teardown(NULL);
	}
}

/* What its session was is another's, or nobody's. */
static void
who_is_refused_by_a_listener_that_goes_is_told_so(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", "", TRUSTED RULES);
	slot = await_one(1, &fd, &pair);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	assert_true(client_of(slot)->own_text);
	service_change("", "", NULL);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_string_equal(client_read(fd), "access denied\n");
	close(fd);
	close(pair);
}

/* Whose listener has gone declares itself to nobody. */
static void
who_declares_itself_too_late_is_refused(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", "", TRUSTED);
	slot = await_one(1, &fd, &pair);
	service_change("", "", NULL);
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	assert_int_equal(client_of(slot)->proxied, PROXIED_REFUSED);
	assert_int_equal(client_of(slot)->why, REFUSAL_NO_RESOURCES);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_string_equal(
	    client_read(fd), "out of resources, try again later\n");
	close(fd);
	close(pair);
}

/* Nothing reads a header for it any more. */
static void
who_waits_where_no_header_is_read_is_refused(void **state)
{
	int fd;

	(void)state;
	service_begin("", TRUSTED, NULL);
	spawner.error = EPIPE;
	fd = client_connect(0, NULL);
	service_events();
	accept_step(&service, now);
	assert_int_equal(service.clients.list[CLIENT_WAITING].count, 1);
	spawner.error = 0;
	service_change("", "", NULL);
	hand_over_step(&service, now);
	assert_int_equal(spawner.n, 0);
	assert_int_equal(service_row(0)->refused[REFUSAL_NO_RESOURCES], 1);
	assert_int_equal(service.awaited, 0);
	close(fd);
}

/* What the proxy says before it is none of the client's bytes. */
static void
a_header_is_no_word_of_the_client(void **state)
{
	char bytes[50] = "";
	uint32_t slot;
	size_t more, n;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	for (more = 0; more < 2; more++) {
		n = 40 + 10 * more;
		slot = await_one(0, &fd, &pair);
		assert_int_equal(send(fd, bytes, n, 0), n);
		AWAIT(recv(client_of(slot)->fd, bytes, n, MSG_DONTWAIT) ==
		    (ssize_t)n);
		declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
		close(fd);
		close(pair);
		end_of(slot, OUTCOME_CLIENT_GONE);
		assert_int_equal(service_row(0)->ended[OUTCOME_PROBED], 1);
		assert_int_equal(
		    service_row(0)->ended[OUTCOME_CLIENT_GONE], more);
	}
}

/* At a stop it gets no other child. */
static void
who_is_being_ended_ends(void **state)
{
	uint32_t slot;
	int fd, pair;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = await_one(0, &fd, &pair);
	client_of(slot)->plan--;
	declare(pair, declared_of("192.0.2.7", "203.0.113.9"));
	child_deafen(slot);
	reap_signal(&service, slot, SIGTERM);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_int_equal(client_of(slot)->phase, CLIENT_FREE);
	assert_int_equal(service_row(0)->live, 0);
	assert_int_equal(service_row(0)->ended[OUTCOME_KILLED], 1);
	close(fd);
	close(pair);
}

/* ------------------------------------------------------------------- descriptors */

static void
who_gets_no_pair_waits_for_one(void **state)
{
	uint32_t slot;
	int fd;

	(void)state;
	service_begin("", TRUSTED, NULL);
	fd = client_connect(0, NULL);
	no_pair = EMFILE;
	no_ones = fd;
	service_events();
	accept_step(&service, now);
	no_ones = -1;
	assert_int_equal(spawner.n, 0);
	assert_true(backoff_waits(&service.forking));
	slot = service.clients.list[CLIENT_WAITING].head;
	assert_int_equal(client_of(slot)->pair, -1);
	no_pair = 0;
	hand_over_step(&service, now += 10 * CLOCK_SECOND);
	assert_int_equal(spawner.n, 1);
	assert_true(fcntl(client_of(slot)->pair, F_GETFD) & FD_CLOEXEC);
	assert_true(fcntl(client_of(slot)->pair_child, F_GETFD) & FD_CLOEXEC);
	close(fd);
}

/* The lowest descriptor that is free. */
static int
lowest_fd(void)
{
	int fd = dup(service.epoll);

	assert_true(fd >= 0);
	close(fd);
	return fd;
}

/* Its spawner died before it had a child; and once it has one, the child's part is
 * the child's alone, and none is left when it has ended. */
static void
a_pair_is_made_once(void **state)
{
	uint32_t slot;
	int fd, pair, lowest;

	(void)state;
	service_begin("", TRUSTED, NULL);
	slot = hand_over_one(&fd, &pair);
	lowest = lowest_fd();
	spawner_fail(slot, 0);
	hand_over_step(&service, now);
	hand_over_step(&service, now);
	assert_int_equal(client_of(slot)->phase, CLIENT_HANDED);
	assert_int_equal(lowest_fd(), lowest);
	spawner_clone(slot);
	hand_over_step(&service, now);
	assert_int_equal(client_of(slot)->pair_child, -1);
	assert_true(client_of(slot)->pair != -1);
	assert_true(lowest_fd() < lowest);
	end_of(slot, OUTCOME_PROXY_ERROR);
	assert_int_equal(service.awaited, 0);
	assert_int_equal(client_of(slot)->pair, -1);
	close(fd);
	close(pair);
}

/* One that cannot be watched is of no use, and not kept. */
static void
a_pair_that_cannot_be_watched_is_closed(void **state)
{
	int fd, lowest, epoll;

	(void)state;
	service_begin("", TRUSTED, NULL);
	spawner.error = EPIPE;
	fd = client_connect(0, NULL);
	service_events();
	no_pair = EMFILE;
	accept_step(&service, now);
	no_pair = spawner.error = 0;
	assert_int_equal(service.clients.list[CLIENT_WAITING].count, 1);
	lowest = lowest_fd();
	epoll = service.epoll;
	service.epoll = -1;
	hand_over_step(&service, now += 10 * CLOCK_SECOND);
	service.epoll = epoll;
	assert_int_equal(spawner.n, 0);
	assert_true(backoff_waits(&service.forking));
	assert_int_equal(lowest_fd(), lowest);
	close(fd);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(who_is_let_in_is_whom_it_declares),
		cmocka_unit_test(who_has_said_nothing_is_still_heard),
		TEST(who_comes_late_for_the_plan_gets_another_child),
		TEST(who_cannot_be_told_to_go_on_gets_another_child),
		TEST(who_is_gone_is_not_told),
		TEST(a_mapped_proxy_is_itself),
		TEST(who_makes_no_sense_has_been_taken_over),
		TEST(who_declares_itself_shortly_or_at_length_is_heard),
		TEST(who_declares_nobody_is_let_in),
		TEST(who_is_undeclared_takes_few_places),
		TEST(a_reload_does_not_count_who_is_undeclared),
		TEST(who_is_no_proxy_is_refused),
		TEST(who_says_too_little_or_too_much_has_been_taken_over),
		TEST(who_is_heard_early_is_judged_all_the_same),
		cmocka_unit_test(what_an_end_means),
		TEST(a_proxy_of_this_link_is_itself),
		TEST(a_quiet_proxy_is_quiet),
		TEST(who_has_said_nothing_is_listened_to_on),
		TEST(who_crashes_when_told_to_end_has_crashed),
		TEST(each_childs_time_is_counted),
		TEST(who_is_refused_is_told_so_after_a_change),
		TEST(who_is_refused_before_there_is_a_rule_is_told_why),
		TEST(who_is_refused_by_a_rule_that_goes_is_told_so),
		TEST(who_is_refused_by_a_listener_that_goes_is_told_so),
		TEST(who_declares_itself_too_late_is_refused),
		TEST(who_waits_where_no_header_is_read_is_refused),
		TEST(a_header_is_no_word_of_the_client),
		TEST(who_is_being_ended_ends),
		TEST(who_gets_no_pair_waits_for_one),
		TEST(a_pair_is_made_once),
		TEST(a_pair_that_cannot_be_watched_is_closed),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
