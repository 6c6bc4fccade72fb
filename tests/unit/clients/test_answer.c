/* What a client is sent: by state and format, greeted or refused. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/answer.h"
#include "master/config/greetings.h"
#include "shared/utc.h"
#include "unit/service.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define UNTIL_FORMAT "%Y-%m-%dT%H:%M:%SZ"

static struct answer answer;

/* The first listener is in that state. */
static void
be(enum state state, int weight, int64_t until, const char *reason)
{
	struct listener_state *now_in = &service.states[0];

	*now_in = (struct listener_state) { .state = state, .weight = weight,
		.until = until };
	snprintf(now_in->reason, sizeof(now_in->reason), "%s", reason);
}

/* A client that no spawner takes: it waits. */
static struct client *
have_one_wait_at(size_t listener, int *fd)
{
	*fd = client_connect(listener, NULL);
	spawner.error = EPIPE;
	accept_resume(&service, now);
	service_events();
	accept_step(&service, now);
	assert_int_equal(service.clients.list[CLIENT_WAITING].count, 1);
	return &service.clients
		    .slots[service.clients.list[CLIENT_WAITING].head];
}

static struct client *
have_one_wait(int *fd)
{
	return have_one_wait_at(0, fd);
}

/* Then another one can wait. */
static void
forget(struct client *client, int fd)
{
	close(client->fd);
	clients_remove(&service.clients,
	    (uint32_t)(client - service.clients.slots));
	close(fd);
}

/* The answer as a string, in a static buffer. */
static const char *
bytes(void)
{
	static char text[sizeof(answer.bytes) + 1];

	assert_true(answer.length <= sizeof(answer.bytes));
	memcpy(text, answer.bytes, answer.length);
	text[answer.length] = '\0';
	return text;
}

static const struct plan_session *
session(void)
{
	return &setup.snapshot.plan->session[answer.session];
}

/* The bytes of an answer that are in the plan. */
static void
must_have_planned(const char *text)
{
	assert_int_equal(session()->greeting_length, strlen(text));
	assert_memory_equal((const char *)setup.snapshot.plan +
		session()->greeting_offset, text, strlen(text));
}

/* The number after "NAME: "; -1: there is no such field in the head. */
static long
field(const char *name)
{
	char head[sizeof(answer.bytes) + 1], search[64];
	const char *at;

	memcpy(head, answer.bytes, answer.head);
	head[answer.head] = '\0';
	assert_non_null(strstr(head, "\r\n\r\n"));
	snprintf(search, sizeof(search), "\n%s: ", name);
	at = strstr(head, search);
	return at == NULL ? -1 : strtol(at + strlen(search), NULL, 10);
}

/* ---------------------------------------------------------------- the state */

/* One that waits is answered by what held when it came: state, end and text. */
static void
all_is_of_the_moment_of_accept(void **state)
{
	int64_t until = time(NULL) + 3600;
	char want[64], *end;
	struct client *client;
	int fd;

	(void)state;
	service_begin("", "format = \"http\"; when = { maintenance = "
			  "\"%{state} until %{until}\"; };", NULL);
	be(STATE_MAINTENANCE, -1, until, "new disks");
	client = have_one_wait(&fd);
	be(STATE_READY, -1, 0, "");
	answer_greeting(&answer, &service, client);
	assert_int_equal(
	    answer.session, greetings_index(0, STATE_MAINTENANCE));
	assert_in_range(field("Retry-After"), 3590, 3600);
	end = want + snprintf(want, sizeof(want), "maintenance until ");
	end[utc_format(until, UNTIL_FORMAT, sizeof(UNTIL_FORMAT) - 1, end)] =
	    '\0';
	assert_string_equal(bytes() + answer.head, want);
	close(fd);
}

/* Nor does a later end count for one that was greeted. */
static void
a_later_state_does_not_count(void **state)
{
	struct client *client;
	int fd;

	(void)state;
	service_begin("", "greeting = \"[%{state}%{until}]\";", NULL);
	be(STATE_READY, -1, 0, "");
	client = have_one_wait(&fd);
	be(STATE_DOWN, -1, time(NULL) + 60, "");
	answer_greeting(&answer, &service, client);
	assert_string_equal(bytes(), "[ready]");
	assert_int_equal(answer.session, greetings_index(0, STATE_READY));
	close(fd);
}

static void
an_end_that_has_passed_is_a_second_away(void **state)
{
	static const struct {
		enum state state;
		int64_t until; /* from now on; 0: none */
		long least, most; /* Retry-After; -1: none */
	} ends[] = {
		{ STATE_DOWN, 0, -1, -1 },
		{ STATE_DOWN, -5, 1, 1 },
		{ STATE_DRAIN, 100, 90, 100 },
		{ STATE_READY, 100, -1, -1 },
	};
	struct client *client;
	size_t i;
	int fd;

	(void)state;
	service_begin("", "format = \"http\";", NULL);
	client = have_one_wait(&fd);
	for (i = 0; i < COUNT(ends); i++) {
		client->state = (uint8_t)ends[i].state;
		client->until =
		    ends[i].until == 0 ? 0 : time(NULL) + ends[i].until;
		answer_greeting(&answer, &service, client);
		assert_true(field("Retry-After") >= ends[i].least);
		assert_true(field("Retry-After") <= ends[i].most);
	}
	close(fd);
}

static void
an_agent_has_haproxys_words(void **state)
{
	static const struct {
		enum state state;
		int weight;
		const char *reason, *said;
	} words[] = {
		{ STATE_READY, -1, "x", "up ready 100%\n" },
		{ STATE_READY, 0, "", "up ready 0%\n" },
		{ STATE_READY, 75, "", "up ready 75%\n" },
		{ STATE_DRAIN, 75, "x", "up drain\n" },
		{ STATE_MAINTENANCE, -1, "x", "maint\n" },
		{ STATE_DOWN, -1, "disk full", "ready down #disk full\n" },
	};
	struct client *client;
	size_t i;
	int fd;

	(void)state;
	service_begin("", "format = \"agent\";", NULL);
	for (i = 0; i < COUNT(words); i++) {
		be(words[i].state, words[i].weight, 0, words[i].reason);
		client = have_one_wait(&fd);
		answer_greeting(&answer, &service, client);
		assert_string_equal(bytes(), words[i].said);
		assert_int_equal(answer.total, answer.length);
		forget(client, fd);
	}
}

/* Who came while it was down hears no reason of what is so now. */
static void
a_reason_is_of_its_state(void **state)
{
	struct client *client;
	int fd;

	(void)state;
	service_begin("", "format = \"agent\";", NULL);
	be(STATE_DOWN, -1, 0, "disk full");
	client = have_one_wait(&fd);
	be(STATE_DOWN, 5, 0, "disk broken");
	answer_greeting(&answer, &service, client);
	assert_string_equal(bytes(), "ready down #disk broken\n");
	be(STATE_MAINTENANCE, -1, 0, "new disks");
	answer_greeting(&answer, &service, client);
	assert_string_equal(bytes(), "ready down #\n");
	forget(client, fd);
	client = have_one_wait(&fd);
	be(STATE_READY, 3, 0, "");
	answer_greeting(&answer, &service, client);
	assert_string_equal(bytes(), "maint\n");
	close(fd);
}

/* ------------------------------------------------------------------- sessions */

static void
a_state_may_have_a_text(void **state)
{
	static const struct {
		enum state state;
		const char *text;
	} texts[] = {
		{ STATE_READY, "you" },
		{ STATE_DRAIN, "you" }, /* without when.drain */
		{ STATE_DOWN, "broken" },
		{ STATE_MAINTENANCE, "under maintenance\n" },
	};
	struct client *client;
	size_t i;
	int fd;

	(void)state;
	service_begin("", "rules = ( { from = \"any\"; action = \"allow\"; "
			  "greeting = \"you\"; } ); when = { down = "
			  "\"broken\"; };", NULL);
	client = have_one_wait(&fd);
	for (i = 0; i < COUNT(texts); i++) {
		client->state = (uint8_t)texts[i].state;
		answer_greeting(&answer, &service, client);
		must_have_planned(texts[i].text);
		assert_int_equal(answer.length, 0);
		assert_int_equal(answer.head, 0);
		assert_int_equal(answer.total, strlen(texts[i].text));
	}
	close(fd);
	service_change("", "when = { drain = \"soon\"; };", NULL);
	client->state = STATE_DRAIN;
	answer_greeting(&answer, &service, client);
	must_have_planned("soon");
}

/* What comes with the order, and what is in the plan. */
static void
the_length_is_that_of_the_body(void **state)
{
	struct client *client;
	int fd;

	(void)state;
	service_begin("", "format = \"http\"; when = { down = "
			  "\"%{listener}: %{reason}.\"; };", NULL);
	client = have_one_wait(&fd);
	answer_greeting(&answer, &service, client);
	assert_int_equal(field("Content-Length"), 10);
	must_have_planned("hi client\n");
	assert_int_equal(answer.length, answer.head);
	assert_int_equal(answer.total,
	    session()->head_length + answer.head + 10);
	assert_int_equal(strncmp(bytes(), "Date: ", 6), 0);
	client->state = STATE_DOWN;
	answer_greeting(&answer, &service, client);
	assert_int_equal(field("Content-Length"), 4);
	assert_string_equal(bytes() + answer.head, "a: .");
	assert_int_equal(answer.length, answer.head + 4);
	assert_int_equal(answer.total,
	    session()->head_length + answer.head + 4);
	close(fd);
}

/* ------------------------------------------------------------------- refusals */

static const struct {
	enum refusal why;
	uint32_t after; /* client.retry_after */
	const char *status;
	long said; /* Retry-After; -1: none */
} refusals[] = {
	{ REFUSAL_BUSY, 0, "503 Service Unavailable", 1 },
	{ REFUSAL_NO_RESOURCES, 2, "503 Service Unavailable", 2 },
	{ REFUSAL_RATE, 7, "429 Too Many Requests", 7 },
	{ REFUSAL_BUSY_PER_SOURCE, 0, "429 Too Many Requests", 1 },
	{ REFUSAL_RATE_PER_SOURCE, 3, "429 Too Many Requests", 3 },
	{ REFUSAL_DENIED, 9, "403 Forbidden", -1 },
};

/* The state's end has nothing to do with it. */
static void
a_refusal_has_a_status(void **state)
{
	char start[64], text[64];
	struct client *client;
	size_t i;
	int fd;

	(void)state;
	service_begin("refusals = { busy = \"busy %{retry_after}\"; };",
	    "format = \"http\";", NULL);
	client = have_one_wait(&fd);
	client->state = STATE_MAINTENANCE;
	client->until = time(NULL) + 1000;
	for (i = 0; i < COUNT(refusals); i++) {
		client->retry_after = refusals[i].after;
		answer_refusal(&answer, &service, client, refusals[i].why);
		snprintf(start, sizeof(start), "HTTP/1.1 %s\r\n",
		    refusals[i].status);
		memcpy(text, bytes(), strlen(start));
		text[strlen(start)] = '\0';
		assert_string_equal(text, start);
		assert_int_equal(field("Retry-After"), refusals[i].said);
		assert_int_equal(
		    field("Content-Length"), answer.length - answer.head);
		assert_int_equal(answer.total, answer.length);
		if (refusals[i].why == REFUSAL_BUSY)
			assert_string_equal(bytes() + answer.head, "busy 0");
	}
	close(fd);
}

static void
a_refused_agent_hears_nothing(void **state)
{
	struct client *client;
	int fd;

	(void)state;
	service_begin("", "format = \"agent\";", NULL);
	client = have_one_wait(&fd);
	answer_refusal(&answer, &service, client, REFUSAL_BUSY);
	assert_int_equal(answer.length + answer.head + answer.total, 0);
	close(fd);
}

/* A rule's text, with variables and without; then it is the reason's. */
static void
a_refusal_may_have_the_rules_text(void **state)
{
	struct client *client;
	int fd;

	(void)state;
	service_begin("", "rules = ( { from = \"any\"; action = \"allow\"; "
			  "greeting = \"not %{listener}, %{reason}\"; } ); "
			  "refusals = { denied = \"no: %{reason}\"; };", NULL);
	client = have_one_wait(&fd);
	answer_refusal(&answer, &service, client, REFUSAL_DENIED);
	assert_string_equal(bytes(), "no: denied");
	client->own_text = true;
	answer_refusal(&answer, &service, client, REFUSAL_DENIED);
	assert_string_equal(bytes(), "not a, denied");
	assert_int_equal(answer.total, answer.length);
	service_change("", "rules = ( { from = \"any\"; action = \"allow\"; "
			   "greeting = \"not you\"; } );", NULL);
	answer_refusal(&answer, &service, client, REFUSAL_DENIED);
	assert_string_equal(bytes(), "not you");
	close(fd);
}

/* Its format has gone too, and the text is the top one's; the state is still
 * that in which it came. */
static void
a_removed_listener_leaves_the_top_texts(void **state)
{
	static const char top[] =
	    "refusals = { no_resources = \"%{listener} %{state}\"; };";
	struct client *client;
	int fd;

	(void)state;
	service_begin(top, "", "format = \"http\";");
	service.states[1].state = STATE_DRAIN;
	client = have_one_wait_at(1, &fd);
	service_change(top, "", NULL);
	answer_refusal(&answer, &service, client, REFUSAL_NO_RESOURCES);
	assert_string_equal(bytes(), "b drain");
	close(fd);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(all_is_of_the_moment_of_accept),
		TEST(a_later_state_does_not_count),
		TEST(an_end_that_has_passed_is_a_second_away),
		TEST(an_agent_has_haproxys_words),
		TEST(a_reason_is_of_its_state),
		TEST(a_state_may_have_a_text),
		TEST(the_length_is_that_of_the_body),
		TEST(a_refusal_has_a_status),
		TEST(a_refused_agent_hears_nothing),
		TEST(a_refusal_may_have_the_rules_text),
		TEST(a_removed_listener_leaves_the_top_texts),
	};

	return cmocka_run_group_tests_name(
	    "answer", tests, confs_setup, confs_teardown);
}
