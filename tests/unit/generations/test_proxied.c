/* A client behind a proxy as its master sees it: the order, whom its child
 * declares on its pair, and what the child makes of the answer.  The test is the
 * master of the real program. */
#include "config.h"

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/config/conf.h"
#include "master/generations/snapshot.h"
#include "shared/addr.h"
#include "shared/attempt.h"
#include "shared/outcome.h"
#include "shared/plan.h"
#include "unit/generations/spawned.h"

#define LINE "PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n"
#define STATUS(code) ((code) << 8) /* wait(2) */

/* Sessions of the plan: of listeners that are ready. */
enum {
	DIRECT,
	PROXIED = STATE_COUNT,
	RENDERED = 2 * STATE_COUNT,
	ONLY_V2 = 3 * STATE_COUNT,
	HASTY = 4 * STATE_COUNT,
	SESSIONS = 5 * STATE_COUNT
};

static struct snapshot snapshot;

/* ----------------------------------------------------------- what is needed */

static void
listener_make(struct conf_listener *listener, uint32_t session)
{
	listener->timeouts = (struct conf_timeouts) {
		.session_ms = PATIENCE_MS, .send_ms = PATIENCE_MS,
		.proxy_ms = session == HASTY ? 20 : PATIENCE_MS,
		.cpu_s = session == HASTY ? 1 : 10 };
	listener->proxy.trusted.n = session >= PROXIED;
	listener->proxy.version = session == ONLY_V2 ? CONF_PROXY_V2 :
						       CONF_PROXY_ANY;
}

static int
setup(void **state)
{
	(void)state;
	return spawned_begin() == -1 ? -1 :
	    spawned_plan(&snapshot, SESSIONS / STATE_COUNT, RENDERED,
		listener_make);
}

static int
teardown(void **state)
{
	(void)state;
	snapshot_free(&snapshot);
	return spawned_end();
}

/* A client and its pair, whose other ends the spawner gets. */
struct ends {
	int client;
	int pair;
};

/* The client has those bytes already, that it does not read. */
static struct ends
proxied_order_after(const struct spawner *spawner, uint32_t slot,
    uint32_t session, const char *before)
{
	struct plan_order order = { slot, session, 0, 1 };
	int client[2], pair[2];

	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	assert_int_equal(
	    write(client[1], before, strlen(before)), strlen(before));
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	send_with(spawner->socket, &order, sizeof(order),
	    (int[]) { client[1], pair[1] }, 2);
	assert_true(page_wait(slot) > 0);
	return (struct ends) { client[0], pair[0] };
}

static struct ends
proxied_order(const struct spawner *spawner, uint32_t slot, uint32_t session)
{
	return proxied_order_after(spawner, slot, session, "");
}

static void
say(const struct ends *ends, const char *text)
{
	assert_int_equal(send(ends->client, text, strlen(text), MSG_NOSIGNAL),
	    strlen(text));
}

static void
assert_declares(const struct ends *ends, uint32_t length, const char *client,
    const char *server)
{
	struct plan_declared declared;
	struct addr want[2] = { { 0 } };

	if (client != NULL) {
		assert_int_equal(addr_parse(&want[0], client), 0);
		assert_int_equal(addr_parse(&want[1], server), 0);
		want[0].port = 56324;
		want[1].port = 443;
	}
	assert_int_equal(recv(ends->pair, &declared, sizeof(declared),
	    MSG_TRUNC), sizeof(declared));
	assert_int_equal(declared.length, length);
	assert_true(addr_equal(&declared.client, &want[0]));
	assert_true(addr_equal(&declared.server, &want[1]));
}

/* The master's answer. */
static void
go(const struct ends *ends, uint32_t session, uint32_t head, const char *order)
{
	char bytes[sizeof(struct plan_go) + 64];
	struct plan_go answer = { session, head };
	size_t length = sizeof(answer) + strlen(order);

	memcpy(bytes, &answer, sizeof(answer));
	memcpy(bytes + sizeof(answer), order, strlen(order));
	assert_int_equal(send(ends->pair, bytes, length, MSG_NOSIGNAL), length);
}

/* The child has nothing more to say to anybody. */
static void
assert_exits(const struct ends *ends, uint32_t slot, int code)
{
	assert_ended(ends->pair);
	assert_ended(ends->client);
	assert_child_status(slot, STATUS(code));
}

/* ------------------------------------------------------------------ headers */

static void
a_header_is_declared_and_the_answer_obeyed(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order(&spawner, 0, PROXIED);

	(void)state;
	say(&ends, LINE "from the client\n");
	assert_declares(&ends, sizeof(LINE) - 1, "192.0.2.1", "198.51.100.2");
	go(&ends, PROXIED, 0, "");
	assert_string_equal(line_read(ends.client), "hi client\n");
	assert_exits(&ends, 0, OUTCOME_GREETED);
	spawner_end(&spawner, 0);
}

/* Also one without a proxy: the master says which. */
static void
the_master_chooses_the_session(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order(&spawner, 0, PROXIED);

	(void)state;
	say(&ends, "PROXY UNKNOWN\r\n");
	assert_declares(&ends, 15, NULL, NULL);
	go(&ends, RENDERED, 0, "hello 192.0.2.1\n");
	assert_string_equal(line_read(ends.client), "hello 192.0.2.1\n");
	assert_exits(&ends, 0, OUTCOME_GREETED);
	ends = proxied_order(&spawner, 1, RENDERED);
	say(&ends, LINE);
	assert_declares(&ends, sizeof(LINE) - 1, "192.0.2.1", "198.51.100.2");
	go(&ends, DIRECT, 0, "");
	assert_string_equal(line_read(ends.client), "hi client\n");
	assert_exits(&ends, 1, OUTCOME_GREETED);
	spawner_end(&spawner, 0);
}

/* Nothing is said before, and nothing is sent. */
static void
a_header_may_come_byte_by_byte(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order(&spawner, 0, PROXIED);
	const char *at;
	char byte;

	(void)state;
	for (at = LINE; *at != '\0'; at++) {
		assert_int_equal(recv(ends.pair, &byte, 1, MSG_DONTWAIT), -1);
		say(&ends, (char[]) { *at, '\0' });
	}
	assert_declares(&ends, sizeof(LINE) - 1, "192.0.2.1", "198.51.100.2");
	assert_int_equal(recv(ends.client, &byte, 1, MSG_DONTWAIT), -1);
	go(&ends, PROXIED, 0, "");
	assert_string_equal(line_read(ends.client), "hi client\n");
	assert_exits(&ends, 0, OUTCOME_GREETED);
	spawner_end(&spawner, 0);
}

static void
a_bad_header_is_the_end(void **state)
{
	static const char *const texts[] = { "GET / HTTP/1.1\r\n\r\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\n",
		"PROXY TCP4 192.0.2.1 198.51.100.2 56324 65536\r\n" };
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends;
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		ends = proxied_order(&spawner, i, PROXIED);
		say(&ends, texts[i]);
		assert_int_equal(page_wait(i), page[i]);
		assert_child_status(i, STATUS(OUTCOME_PROXY_ERROR));
		close(ends.client);
		assert_ended(ends.pair);
	}
	ends = proxied_order(&spawner, i, ONLY_V2);
	say(&ends, LINE);
	assert_child_status(i, STATUS(OUTCOME_PROXY_ERROR));
	close(ends.client);
	assert_ended(ends.pair);
	spawner_end(&spawner, 0);
}

/* A part of a header is one that is not valid; nothing at all is a port check. */
static void
an_early_end_is_told_apart(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order(&spawner, 0, PROXIED);

	(void)state;
	shutdown(ends.client, SHUT_WR);
	assert_exits(&ends, 0, OUTCOME_CLIENT_GONE);
	ends = proxied_order(&spawner, 1, PROXIED);
	say(&ends, "PROXY ");
	shutdown(ends.client, SHUT_WR);
	assert_exits(&ends, 1, OUTCOME_PROXY_ERROR);
	spawner_end(&spawner, 0);
}

/* A client that closes with bytes unread resets the connection. */
static void
a_reset_is_told_apart(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order_after(&spawner, 0, PROXIED, "x");

	(void)state;
	say(&ends, "PROXY ");
	close(ends.client);
	assert_ended(ends.pair);
	assert_child_status(0, STATUS(OUTCOME_RESET));
	spawner_end(&spawner, 0);
}

/* Not a processor's: it waits. */
static void
a_header_has_its_time(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order(&spawner, 0, HASTY);

	(void)state;
	say(&ends, "PROXY ");
	assert_exits(&ends, 0, OUTCOME_PROXY_ERROR);
	spawner_end(&spawner, 0);
}

/* ------------------------------------------------------------------ answers */

/* Who cannot be declared is not served, whatever the pair says. */
static void
an_answer_does_not_come_before_its_question(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order(&spawner, 0, PROXIED);

	(void)state;
	go(&ends, PROXIED, 0, "");
	assert_int_equal(shutdown(ends.pair, SHUT_RD), 0);
	say(&ends, LINE);
	assert_ended(ends.client);
	assert_child_status(0, STATUS(OUTCOME_PROXY_ERROR));
	close(ends.pair);
	spawner_end(&spawner, 0);
}

static void
the_end_of_the_pair_is_the_childs(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends = proxied_order(&spawner, 0, PROXIED);

	(void)state;
	say(&ends, LINE);
	assert_declares(&ends, sizeof(LINE) - 1, "192.0.2.1", "198.51.100.2");
	close(ends.pair);
	assert_ended(ends.client);
	assert_child_status(0, STATUS(OUTCOME_PROXY_ERROR));
	ends = proxied_order(&spawner, 1, PROXIED);
	close(ends.pair); /* already when the header comes */
	say(&ends, LINE);
	assert_ended(ends.client);
	assert_child_status(1, STATUS(OUTCOME_PROXY_ERROR));
	spawner_end(&spawner, 0);
}

static void
answers_without_sense_are_not_obeyed(void **state)
{
	static const struct {
		uint32_t session;
		uint32_t head;
		const char *order;
	} rows[] = { { SESSIONS, 0, "" }, { UINT32_MAX, 0, "" },
		{ PROXIED, 1, "" }, { PROXIED, 0, "x" }, { RENDERED, 1, "x" },
		{ PROXIED, UINT32_MAX, "" } };
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct ends ends;
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ends = proxied_order(&spawner, i, PROXIED);
		say(&ends, LINE);
		assert_declares(&ends, sizeof(LINE) - 1, "192.0.2.1",
		    "198.51.100.2");
		go(&ends, rows[i].session, rows[i].head, rows[i].order);
		assert_exits(&ends, i, PROLOGUE_EXIT_FAILED);
	}
	ends = proxied_order(&spawner, i, PROXIED);
	say(&ends, LINE);
	assert_declares(&ends, sizeof(LINE) - 1, "192.0.2.1", "198.51.100.2");
	assert_int_equal(send(ends.pair, "", 1, MSG_NOSIGNAL), 1);
	assert_exits(&ends, i, OUTCOME_PROXY_ERROR);
	spawner_end(&spawner, 0);
}

/* ------------------------------------------------------------------- orders */

/* Two descriptors for those behind a proxy, one for all others. */
static void
orders_bring_what_belongs_to_them(void **state)
{
	static const struct {
		uint32_t session;
		uint32_t proxied;
		size_t n; /* descriptors */
	} rows[] = { { PROXIED, 0, 2 }, { DIRECT, 0, 2 }, { PROXIED, 1, 0 },
		{ PROXIED, 1, 1 }, { PROXIED, 1, 3 }, { PROXIED, 1, 4 },
		{ DIRECT, 1, 2 }, { DIRECT, 1, 1 }, { SESSIONS, 1, 2 },
		{ PLAN_ATTEMPT, 1, 2 }, { PLAN_ATTEMPT, 0, 1 } };
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct plan_order order = { 0, DIRECT, 0, 0 };
	int client[2];
	uint32_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		order = (struct plan_order) { i, rows[i].session, 0,
			rows[i].proxied };
		assert_refuses(&spawner, &order, sizeof(order), i, rows[i].n);
	}
	order = (struct plan_order) { i, DIRECT, 0, 0 };
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, client), 0);
	send_with(spawner.socket, &order, sizeof(order), &client[1], 1);
	assert_string_equal(line_read(client[0]), "hi client\n");
	assert_ended(client[0]);
	assert_child_status(i, 0);
	spawner_end(&spawner, 0);
}

/* Neither a greeting nor a head: nobody knows yet whom they are for. */
static void
nothing_else_comes_with_a_proxied_order(void **state)
{
	struct spawner spawner = spawner_start(REAL, snapshot.fd);
	struct {
		struct plan_order order;
		char more;
	} message = { { 0, RENDERED, 0, 1 }, 'x' };

	(void)state;
	assert_refuses(&spawner, &message, sizeof(message.order) + 1, 0, 2);
	spawner_end(&spawner, 0);
}

/* The kernel does it: RLIMIT_NOFILE is 1. */
static void
no_second_descriptor_comes_without_a_proxy(void **state)
{
	struct plan plan = *snapshot.plan;
	size_t rest = plan.size - sizeof(plan);
	int fd = memfd_create("plan", MFD_CLOEXEC);
	struct plan_order order = { 0, PROXIED, 0, 1 };
	struct spawner spawner;

	(void)state;
	assert_int_equal(plan.descriptors, 2);
	plan.descriptors = 1;
	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, &plan, sizeof(plan)), sizeof(plan));
	assert_int_equal(write(fd, snapshot.plan + 1, rest), rest);
	spawner = spawner_start(REAL, fd);
	assert_refuses(&spawner, &order, sizeof(order), 0, 2);
	spawner_end(&spawner, 0);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_header_is_declared_and_the_answer_obeyed),
		cmocka_unit_test(the_master_chooses_the_session),
		cmocka_unit_test(a_header_may_come_byte_by_byte),
		cmocka_unit_test(a_bad_header_is_the_end),
		cmocka_unit_test(an_early_end_is_told_apart),
		cmocka_unit_test(a_reset_is_told_apart),
		cmocka_unit_test(a_header_has_its_time),
		cmocka_unit_test(an_answer_does_not_come_before_its_question),
		cmocka_unit_test(the_end_of_the_pair_is_the_childs),
		cmocka_unit_test(answers_without_sense_are_not_obeyed),
		cmocka_unit_test(orders_bring_what_belongs_to_them),
		cmocka_unit_test(nothing_else_comes_with_a_proxied_order),
		cmocka_unit_test(no_second_descriptor_comes_without_a_proxy),
	};

	return cmocka_run_group_tests_name("proxied", tests, setup, teardown);
}
