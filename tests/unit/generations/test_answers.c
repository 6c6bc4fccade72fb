/* Answers to requests, by the real spawner behind its filter, over TCP:
 * spawner/respond.c. */
#include "config.h"

#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <netinet/in.h>

#include <linux/filter.h>
#include <linux/tcp.h>

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/generations/filter.h"
#include "master/generations/snapshot.h"
#include "shared/outcome.h"
#include "shared/plan.h"
#include "unit/generations/spawned.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define GET "GET / HTTP/1.1\r\n"
#define HEAD "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
#define DATE "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
#define END DATE "Content-Length: 10\r\n\r\n"
#define GREETING "hi client\n"
#define OTHER "hello you\n"
#define ANSWER HEAD END GREETING
#define LARGE (1u << 20)
#define REQUEST_MS 300
#define SEND_MS 300
#define EXIT(outcome) ((outcome) << 8)

#define ERROR(status, length, body)                                           \
	"HTTP/1.1 " status "\r\n"                                             \
	"Content-Type: text/plain; charset=utf-8\r\n"                         \
	"Content-Length: " length "\r\n"                                      \
	"Cache-Control: no-store\r\n"                                         \
	"Connection: close\r\n" DATE "\r\n" body
#define BAD ERROR("400 Bad Request", "12", "bad request\n")
#define TIMEOUT ERROR("408 Request Timeout", "16", "request timeout\n")
#define TOO_LARGE                                                             \
	ERROR("431 Request Header Fields Too Large", "32",                    \
	    "request header fields too large\n")

/* Sessions of the plan. */
enum { USUAL, RENDERED, QUICK, BIG, BIG_QUICK, SESSIONS };

static char large[LARGE]; /* a body that begins with GREETING */
static int plan_fd, listener;
static struct sockaddr_in address = { .sin_family = AF_INET };
static struct spawner spawner;
static uint32_t slot; /* of the client that was connected last */

/* A connection; the master has a descriptor of the other end too. */
struct client {
	int fd;
	int kept;
};

/* ----------------------------------------------------------- what is needed */

/* Filter and texts behind the sessions. */
static void
sessions_make(struct plan *plan, size_t texts)
{
	const struct plan_session session = {
		.format = PLAN_HTTP,
		.head_offset = (uint32_t)texts,
		.head_length = sizeof(HEAD) - 1,
		.greeting_offset = (uint32_t)(texts + sizeof(HEAD) - 1),
		.greeting_length = sizeof(GREETING) - 1,
		.request_ms = PATIENCE_MS,
		.timer = { 0, 0, PATIENCE_MS / 1000, 0 },
		.send_ms = PATIENCE_MS,
		.cpu = { 10, 10 },
	};
	char *bytes = (char *)plan + texts;
	size_t i;

	for (i = 0; i < SESSIONS; i++)
		plan->session[i] = session;
	plan->session[RENDERED].rendered = 1;
	plan->session[QUICK].request_ms = REQUEST_MS;
	plan->session[BIG].greeting_length = LARGE;
	plan->session[BIG_QUICK] = plan->session[BIG];
	plan->session[BIG_QUICK].send_ms = SEND_MS;
	memcpy(bytes, HEAD, sizeof(HEAD) - 1);
	for (i = 0; i < LARGE; i++)
		large[i] = (char)(i * 7919 >> 8);
	memcpy(large, GREETING, sizeof(GREETING) - 1);
	memcpy(bytes + sizeof(HEAD) - 1, large, LARGE);
}

static int
plan_make(void)
{
	struct sock_filter filter[FILTER_MAX];
	struct plan header = { .magic = PLAN_MAGIC, .master = (int32_t)getpid(),
		.sandbox = PLAN_SANDBOX_REQUIRED, .n_sessions = SESSIONS,
		.descriptors = 1 };
	size_t length, texts;
	struct plan *plan;

	if (filter_compile(filter, &length, false) != NULL)
		return -1;
	header.filter_offset = (uint32_t)(sizeof(header) +
	    SESSIONS * sizeof(struct plan_session));
	header.filter_length = (uint32_t)length;
	texts = header.filter_offset + length * sizeof(*filter);
	header.size = (uint32_t)(texts + sizeof(HEAD) - 1 + LARGE);
	plan = calloc(1, header.size);
	if (plan == NULL)
		return -1;
	*plan = header;
	memcpy((char *)plan + header.filter_offset, filter,
	    length * sizeof(*filter));
	sessions_make(plan, texts);
	plan_fd = snapshot_seal(plan);
	free(plan);
	return plan_fd == -1 ? -1 : 0;
}

static int
listener_make(void)
{
	socklen_t length = sizeof(address);
	int small = 16384;

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small,
		sizeof(small)) == -1 ||
	    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &small,
		sizeof(small)) == -1 ||
	    bind(listener, (struct sockaddr *)&address, length) == -1 ||
	    listen(listener, 1) == -1)
		return -1;
	return getsockname(listener, (struct sockaddr *)&address, &length);
}

static int
setup(void **state)
{
	(void)state;
	if (spawned_begin() == -1 || plan_make() == -1 || listener_make() == -1)
		return -1;
	spawner = spawner_start(REAL, plan_fd);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	spawner_end(&spawner, 0);
	close(plan_fd);
	close(listener);
	return spawned_end();
}

/* A connection whose ends have small buffers. */
static struct client
client_connect(void)
{
	struct timeval patience = { PATIENCE_MS / 1000, 0 };
	int small = 16384, one = 1;
	struct client client;

	client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_not_equal(client.fd, -1);
	setsockopt(client.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
	setsockopt(client.fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	setsockopt(client.fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof(patience));
	setsockopt(client.fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
	    sizeof(patience));
	setsockopt(client.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	assert_int_equal(connect(client.fd, (struct sockaddr *)&address,
			     sizeof(address)), 0);
	client.kept = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	assert_int_not_equal(client.kept, -1);
	return client;
}

/* What comes with an order: the end of a head, in RENDERED the body too. */
static struct client
client_order(uint32_t session)
{
	struct plan_order order = { ++slot, session, sizeof(END) - 1, 0 };
	const char *text = session == RENDERED ? END OTHER : END;
	char message[sizeof(order) + sizeof(END OTHER)];
	struct client client = client_connect();
	int copy = dup(client.kept);

	memcpy(message, &order, sizeof(order));
	memcpy(message + sizeof(order), text, strlen(text));
	send_with(spawner.socket, message, sizeof(order) + strlen(text), &copy,
	    1);
	assert_true(page_wait(slot) > 0);
	return client;
}

static void
client_say(const struct client *client, const char *text)
{
	assert_int_equal(send(client->fd, text, strlen(text), MSG_NOSIGNAL),
	    strlen(text));
}

static void
client_close(const struct client *client)
{
	close(client->fd);
	close(client->kept);
}

/* What has arrived for the child, and been left. */
static int
client_unread(const struct client *client)
{
	int n = -1;

	assert_int_equal(ioctl(client->kept, FIONREAD, &n), 0);
	return n;
}

/* Until the child has read what has been said. */
static void
client_await_read(const struct client *client)
{
	int ms;

	for (ms = 0; client_unread(client) > 0 && ms < PATIENCE_MS; ms++)
		usleep(1000);
	assert_int_equal(client_unread(client), 0);
}

/* The child must have exited with that, and said just the text. */
static void
client_end(const struct client *client, enum outcome outcome, const char *text)
{
	char got[1024];
	ssize_t n;

	assert_child_status(slot, EXIT(outcome));
	if (outcome == OUTCOME_CLIENT_GONE)
		shutdown(client->kept, SHUT_WR); /* the master closes it */
	n = recv(client->fd, got, sizeof(got) - 1, MSG_WAITALL);
	assert_true(n >= 0);
	got[n] = '\0';
	assert_string_equal(got, text);
	client_close(client);
}

static void
assert_answered(uint32_t session, const char *request, const char *answer)
{
	struct client client = client_order(session);

	client_say(&client, request);
	client_end(&client, OUTCOME_GREETED, answer);
}

static int64_t
now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* -------------------------------------------------------------------- heads */

static void
requests_are_answered(void **state)
{
	(void)state;
	assert_answered(USUAL, GET "\r\n", ANSWER);
	assert_answered(USUAL, "GET / HTTP/1.0\n\n", ANSWER);
	assert_answered(USUAL, GET "Host: a\r\nAccept: */*\r\n\r\n", ANSWER);
	assert_answered(USUAL, "\r\nPUT /a HTTP/1.1\n\r\n", ANSWER);
	assert_answered(RENDERED, GET "\r\n", HEAD END OTHER);
}

static void
head_gets_no_body(void **state)
{
	(void)state;
	assert_answered(USUAL, "HEAD / HTTP/1.1\r\n\r\n", HEAD END);
	assert_answered(RENDERED, "HEAD / HTTP/1.1\r\n\r\n", HEAD END);
	assert_answered(BIG, "HEAD / HTTP/1.1\r\n\r\n", HEAD END);
}

/* An announced body is not waited for, and one that comes is not read. */
static void
what_follows_the_head_does_not_matter(void **state)
{
	(void)state;
	assert_answered(USUAL,
	    "POST / HTTP/1.1\r\nContent-Length: 5000000\r\n"
	    "Expect: 100-continue\r\n\r\n", ANSWER);
	assert_answered(USUAL, GET "\r\n" GET "\r\n", ANSWER);
	assert_answered(USUAL, GET "\r\n\x16\x03\x01", ANSWER);
}

static void
a_head_may_come_byte_by_byte(void **state)
{
	struct client client = client_order(USUAL);
	const char *at, *request = GET "Host: a\r\n\r\n";
	char byte[2] = "";

	(void)state;
	for (at = request; *at != '\0'; at++) {
		byte[0] = *at;
		client_say(&client, byte);
		client_await_read(&client);
	}
	client_end(&client, OUTCOME_GREETED, ANSWER);
}

/* The parts of an answer, and its end, wait for each other. */
static void
an_answer_is_one_segment(void **state)
{
	struct client client = client_order(USUAL);
	struct tcp_info info = { 0 };
	socklen_t length = sizeof(info);

	(void)state;
	client_say(&client, GET "\r\n");
	assert_child_status(slot, 0);
	assert_int_equal(getsockopt(client.kept, IPPROTO_TCP, TCP_INFO, &info,
			     &length), 0);
	assert_int_equal(info.tcpi_data_segs_out, 1);
	client_close(&client);
}

static void
other_talk_is_a_bad_request(void **state)
{
	static const char *const talks[] = { "\x16\x03\x01\x02", "GET /\r\n",
		"GET / HTTP/2.0\r\n\r\n", "hello\n", "GET  HTTP/1.1\r\n\r\n",
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" };
	struct client client;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(talks); i++) {
		client = client_order(i % 2 == 0 ? USUAL : RENDERED);
		client_say(&client, talks[i]);
		client_end(&client, OUTCOME_BAD_REQUEST, BAD);
	}
}

/* A head of so many bytes, and more behind it. */
static struct client
long_head_said(size_t length, size_t more)
{
	static char text[16384];
	struct client client = client_order(USUAL);

	memset(text, 'x', sizeof(text));
	memcpy(text, GET, sizeof(GET) - 1);
	memcpy(text + length - 4, "\r\n\r\n", 4);
	client_say(&client, "G"); /* so that reads do not end at a power of 2 */
	client_await_read(&client);
	length += more - 1;
	assert_int_equal(send(client.fd, text + 1, length, MSG_NOSIGNAL),
	    length);
	return client;
}

/* No byte of a head is read beyond that. */
static void
a_head_has_8192_bytes_at_most(void **state)
{
	struct client client = long_head_said(8192, 0);

	(void)state;
	client_end(&client, OUTCOME_GREETED, ANSWER);
	client = long_head_said(8193, 0);
	assert_child_status(slot, EXIT(OUTCOME_BAD_REQUEST));
	assert_int_equal(client_unread(&client), 1);
	client_close(&client);
	client = long_head_said(8193, 4000);
	client_end(&client, OUTCOME_BAD_REQUEST, TOO_LARGE);
}

/* --------------------------------------------------------------------- time */

static void
assert_lasted(int64_t since)
{
	int64_t ms = now_ms() - since;

	if (ms < REQUEST_MS || ms > REQUEST_MS + 10000)
		fail_msg("after %d ms", (int)ms);
}

static void
silence_is_closed_silently(void **state)
{
	int64_t since = now_ms();
	struct client client = client_order(QUICK);

	(void)state;
	client_end(&client, OUTCOME_REQUEST_TIMEOUT, "");
	assert_lasted(since);
}

static void
half_a_head_has_its_time(void **state)
{
	static const char *const halves[] = { "\r", "G", GET,
		GET "Host: a\r\n" };
	struct client client;
	int64_t since;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(halves); i++) {
		since = now_ms();
		client = client_order(QUICK);
		client_say(&client, halves[i]);
		client_end(&client, OUTCOME_REQUEST_TIMEOUT, TIMEOUT);
		assert_lasted(since);
	}
}

/* The time is for all of it: a byte now and then gains nothing. */
static void
a_slow_head_has_no_more_time(void **state)
{
	int64_t since = now_ms();
	struct client client = client_order(QUICK);
	struct pollfd answer = { client.fd, POLLIN, 0 };

	(void)state;
	client_say(&client, GET);
	while (poll(&answer, 1, REQUEST_MS / 10) == 0)
		client_say(&client, "x");
	assert_lasted(since);
	client_end(&client, OUTCOME_REQUEST_TIMEOUT, TIMEOUT);
}

/* ------------------------------------------------------- clients that leave */

static void
one_may_close_its_side(void **state)
{
	struct client client = client_order(USUAL);

	(void)state;
	client_say(&client, GET "\r\n");
	shutdown(client.fd, SHUT_WR);
	client_end(&client, OUTCOME_GREETED, ANSWER);
	client = client_order(USUAL);
	client_say(&client, GET);
	client_await_read(&client);
	shutdown(client.fd, SHUT_WR);
	client_end(&client, OUTCOME_BAD_REQUEST, BAD);
	client = client_order(USUAL);
	shutdown(client.fd, SHUT_WR);
	client_end(&client, OUTCOME_CLIENT_GONE, "");
}

static void
one_may_reset(void **state)
{
	struct linger linger = { 1, 0 };
	const char *const said[] = { "", "G", GET };
	struct client client;
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(said); i++) {
		client = client_order(USUAL);
		client_say(&client, said[i]);
		client_await_read(&client);
		setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &linger,
		    sizeof(linger));
		close(client.fd);
		assert_child_status(slot, EXIT(OUTCOME_RESET));
		close(client.kept);
	}
}

/* ------------------------------------------------------------- large bodies */

/* Reads a piece at a time, to the end: all must have come. */
static void
assert_gets_all(int fd, unsigned pause_ms)
{
	static char got[sizeof(HEAD END) + LARGE];
	const size_t head = sizeof(HEAD END) - 1;
	size_t all = 0;
	ssize_t n;

	while ((n = recv(fd, got + all, sizeof(got) - all, 0)) > 0) {
		all += (size_t)n;
		usleep(pause_ms * 1000);
	}
	assert_int_equal(n, 0);
	assert_int_equal(all, head + LARGE);
	assert_memory_equal(got, HEAD END, head);
	assert_memory_equal(got + head, large, LARGE);
}

/* It takes something all the time, but longer than SEND_MS for all. */
static void
a_slow_reader_gets_all(void **state)
{
	struct client client = client_order(BIG_QUICK);
	int64_t since = now_ms();

	(void)state;
	client_say(&client, GET "\r\n");
	assert_gets_all(client.fd, SEND_MS / 10);
	assert_true(now_ms() - since > 2 * SEND_MS);
	assert_child_status(slot, 0);
	client_close(&client);
}

static void
one_that_does_not_read_is_let_go(void **state)
{
	struct client client = client_order(BIG_QUICK);

	(void)state;
	client_say(&client, GET "\r\n");
	assert_child_status(slot, EXIT(OUTCOME_SEND_TIMEOUT));
	client_close(&client);
}

/* It reads only when it has sent all of its 5 MB. */
static void
one_may_send_first(void **state)
{
	static char post[5000000];
	static const char head[] = "POST / HTTP/1.1\r\n"
				   "Content-Length: 5000000\r\n\r\n";
	struct client client = client_order(BIG);
	size_t at;
	ssize_t n;

	(void)state;
	client_say(&client, head);
	for (at = 0; at < sizeof(post); at += (size_t)n) {
		n = send(client.fd, post + at, sizeof(post) - at, MSG_NOSIGNAL);
		if (n <= 0)
			fail_msg("after %zu bytes: %s", at, strerror(errno));
	}
	assert_gets_all(client.fd, 0);
	assert_child_status(slot, 0);
	client_close(&client);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_answered),
		cmocka_unit_test(head_gets_no_body),
		cmocka_unit_test(what_follows_the_head_does_not_matter),
		cmocka_unit_test(a_head_may_come_byte_by_byte),
		cmocka_unit_test(an_answer_is_one_segment),
		cmocka_unit_test(other_talk_is_a_bad_request),
		cmocka_unit_test(a_head_has_8192_bytes_at_most),
		cmocka_unit_test(silence_is_closed_silently),
		cmocka_unit_test(half_a_head_has_its_time),
		cmocka_unit_test(a_slow_head_has_no_more_time),
		cmocka_unit_test(one_may_close_its_side),
		cmocka_unit_test(one_may_reset),
		cmocka_unit_test(a_slow_reader_gets_all),
		cmocka_unit_test(one_that_does_not_read_is_let_go),
		cmocka_unit_test(one_may_send_first),
	};

	return cmocka_run_group_tests_name("answers", tests, setup, teardown);
}
