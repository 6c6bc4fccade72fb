/* Connections that linger: bounded in number, time and bytes, and never reset
 * while their client talks. */
#include "config.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "master/system/clock.h"
#include "master/clients/linger.h"

#define TIME (2 * CLOCK_SECOND)
#define CLIENTS_MAX (LINGER_MAX + 10)

static struct linger_set set;
static int epoll;
static int clients[CLIENTS_MAX]; /* the other ends */

static int
test_setup(void **state)
{
	struct rlimit limit;
	unsigned i;

	(void)state;
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	epoll = epoll_create1(EPOLL_CLOEXEC);
	for (i = 0; i < CLIENTS_MAX; i++)
		clients[i] = -1;
	linger_init(&set, epoll, EVENT_LINGER, TIME);
	return epoll == -1 ? -1 : 0;
}

static int
test_teardown(void **state)
{
	unsigned i;

	(void)state;
	linger_clear(&set);
	for (i = 0; i < CLIENTS_MAX; i++)
		if (clients[i] != -1)
			close(clients[i]);
	close(epoll);
	return 0;
}

/* A connection whose server has said "no" and ended.  Returns the server's end,
 * which the set then has. */
static int
add(unsigned client, int64_t now)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     ends), 0);
	clients[client] = ends[1];
	assert_int_equal(send(ends[0], "no", 2, MSG_NOSIGNAL), 2);
	shutdown(ends[0], SHUT_WR);
	linger_add(&set, ends[0], now);
	return ends[0];
}

static bool
is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

/* True when the client has its text and the server has closed. */
static bool
is_ended(unsigned client)
{
	return send(clients[client], "", 1, MSG_NOSIGNAL | MSG_DONTWAIT) ==
	    -1 && errno == EPIPE;
}

/* Lets the set do what epoll says; returns how many events there were. */
static int
dispatch(void)
{
	struct epoll_event events[CLIENTS_MAX];
	int i, n = epoll_wait(epoll, events, CLIENTS_MAX, 0);

	for (i = 0; i < n; i++) {
		assert_int_equal(event_kind(&events[i]), EVENT_LINGER);
		linger_event(&set, event_index(&events[i]), clock_now());
	}
	return n;
}

/* What the client says is thrown away; its end is the end. */
static void
client_ends_it(void **state)
{
	char text[8];
	int fd = add(0, 1000);

	(void)state;
	assert_int_equal(dispatch(), 0);
	assert_int_equal(send(clients[0], "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(dispatch(), 1);
	assert_int_equal(dispatch(), 0);
	assert_true(is_open(fd));
	assert_int_equal(recv(clients[0], text, sizeof(text), 0), 2);
	assert_int_equal(set.n, 1);
	close(clients[0]);
	clients[0] = -1;
	assert_int_equal(dispatch(), 1);
	assert_int_equal(set.n, 0);
	assert_false(is_open(fd));
	assert_int_equal(linger_wakeup(&set), CLOCK_NEVER);
}

/* Each has its time, and not more. */
static void
time_ends_it(void **state)
{
	int first = add(0, 1000), second = add(1, 5000);

	(void)state;
	assert_int_equal(linger_wakeup(&set), 1000 + TIME);
	linger_step(&set, 999 + TIME);
	assert_true(is_open(first));
	linger_step(&set, 1000 + TIME);
	assert_false(is_open(first));
	assert_true(is_open(second));
	assert_true(is_ended(0));
	assert_int_equal(linger_wakeup(&set), 5000 + TIME);
	linger_step(&set, CLOCK_NEVER);
	assert_false(is_open(second));
	assert_int_equal(linger_wakeup(&set), CLOCK_NEVER);
}

/* Ends in the middle, at the oldest and at the youngest leave the order. */
static void
order_stays(void **state)
{
	static const unsigned gone[] = { 2, 0, 4 };
	int fds[5];
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++)
		fds[i] = add(i, i * 1000);
	for (i = 0; i < 3; i++) {
		close(clients[gone[i]]);
		clients[gone[i]] = -1;
		assert_int_equal(dispatch(), 1);
		assert_false(is_open(fds[gone[i]]));
	}
	assert_int_equal(set.n, 2);
	assert_int_equal(linger_wakeup(&set), 1000 + TIME);
	linger_step(&set, 1000 + TIME);
	assert_false(is_open(fds[1]));
	assert_int_equal(linger_wakeup(&set), 3000 + TIME);
	add(0, 6000);
	assert_int_equal(linger_wakeup(&set), 3000 + TIME);
	linger_step(&set, 3000 + TIME);
	assert_int_equal(linger_wakeup(&set), 6000 + TIME);
}

/* When all places are taken the oldest goes, with what it said read. */
static void
oldest_gives_way(void **state)
{
	int fds[CLIENTS_MAX];
	char text[8];
	unsigned i;

	(void)state;
	for (i = 0; i < LINGER_MAX; i++)
		fds[i] = add(i, i);
	assert_int_equal(set.n, LINGER_MAX);
	for (i = 0; i < LINGER_MAX; i++)
		assert_true(is_open(fds[i]));
	for (i = 0; i < 10; i++) {
		assert_int_equal(send(clients[i], "x", 1, MSG_NOSIGNAL), 1);
		add(LINGER_MAX + i, LINGER_MAX);
		assert_int_equal(set.n, LINGER_MAX);
		assert_true(is_ended(i));
		/* Had it not been read, this were ECONNRESET. */
		assert_int_equal(recv(clients[i], text, sizeof(text), 0), 2);
		assert_int_equal(recv(clients[i], text, sizeof(text), 0), 0);
	}
	assert_int_equal(linger_wakeup(&set), 10 + TIME);
	assert_false(is_ended(10));
}

static void
gives_up_when_asked(void **state)
{
	int first = add(0, 0), second = add(1, 0);

	(void)state;
	assert_true(linger_give_up(&set));
	assert_false(is_open(first));
	assert_true(is_open(second));
	assert_true(linger_give_up(&set));
	assert_false(is_open(second));
	assert_false(linger_give_up(&set));
	add(2, 0);
	add(3, 0);
	linger_clear(&set);
	assert_int_equal(set.n, 0);
	assert_true(is_ended(2) && is_ended(3));
}

/* Who talks without an end is cut off. */
static void
bytes_are_bounded(void **state)
{
	static char much[65536];
	uint64_t said = 0;
	ssize_t n;

	(void)state;
	add(0, 0);
	while (set.n > 0) {
		n = send(clients[0], much, sizeof(much),
		    MSG_NOSIGNAL | MSG_DONTWAIT);
		said += n > 0 ? (uint64_t)n : 0;
		dispatch();
		assert_true(said < LINGER_BYTES_MAX + (UINT64_C(1) << 20));
	}
	assert_true(said >= LINGER_BYTES_MAX);
}

/* An event of one that is gone meanwhile, or whose place another one has. */
static void
stale_events(void **state)
{
	struct epoll_event events[2];

	(void)state;
	add(0, 0);
	assert_int_equal(send(clients[0], "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(epoll_wait(epoll, events, 2, 0), 1);
	linger_give_up(&set);
	linger_event(&set, event_index(&events[0]), clock_now());
	assert_int_equal(set.n, 0);
	add(1, 0);
	linger_event(&set, event_index(&events[0]), clock_now());
	assert_int_equal(set.n, 1);
	assert_false(is_ended(1));
}

/* A copy of the descriptor elsewhere must not leave a watch behind. */
static void
copies_do_not_stay_watched(void **state)
{
	int ends[2], copy;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     ends), 0);
	copy = dup(ends[0]);
	clients[0] = ends[1];
	linger_add(&set, ends[0], 0);
	linger_give_up(&set);
	assert_int_equal(send(clients[0], "x", 1, MSG_NOSIGNAL), 1);
	assert_int_equal(dispatch(), 0);
	close(copy);
}

/* What cannot be watched is closed, not kept. */
static void
unwatched(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	linger_add(&set, null, 0);
	assert_int_equal(set.n, 0);
	assert_false(is_open(null));
}

/* ------------------------------------------------------------ owed an answer */

#define LOOK 262144 /* bytes that drain.h takes at a time */
#define MUCH (4 * LOOK)
#define OWED_HEAD "head\r\n\r\n"
#define OWED OWED_HEAD "body"

/* A connection that is owed an answer. */
static int
owe(unsigned client, int64_t now)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
			     ends), 0);
	clients[client] = ends[1];
	linger_owe(&set, ends[0], OWED, sizeof(OWED) - 1, sizeof(OWED_HEAD) - 1,
	    now);
	return ends[0];
}

static void
say(unsigned client, const char *text)
{
	assert_int_equal(send(clients[client], text, strlen(text),
			     MSG_NOSIGNAL), strlen(text));
}

/* It has heard nothing, and its connection stands. */
static void
must_wait(unsigned client)
{
	char byte;

	assert_int_equal(
	    recv(clients[client], &byte, 1, MSG_DONTWAIT | MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
}

/* It has the text, and the end of stream after that. */
static void
must_have(unsigned client, const char *text)
{
	char got[sizeof(OWED) + 1];
	ssize_t n = recv(clients[client], got, sizeof(got), MSG_DONTWAIT);

	assert_int_equal(n, strlen(text));
	assert_memory_equal(got, text, strlen(text));
	assert_int_equal(
	    recv(clients[client], got, sizeof(got), MSG_DONTWAIT), 0);
}

static void
an_answer_waits_for_a_word(void **state)
{
	int fd = owe(0, 0);

	(void)state;
	assert_int_equal(dispatch(), 0);
	must_wait(0);
	say(0, "GET");
	assert_int_equal(dispatch(), 1);
	must_have(0, OWED);
	assert_int_equal(set.n, 1); /* and lingers */
	say(0, " / HTTP/1.1\r\n");
	assert_int_equal(dispatch(), 1);
	assert_int_equal(dispatch(), 0);
	close(clients[0]);
	clients[0] = -1;
	assert_int_equal(dispatch(), 1);
	assert_false(is_open(fd));
	assert_int_equal(set.n, 0);
}

/* Byte by byte, what may become "HEAD " is no answer yet. */
static void
head_gets_the_head(void **state)
{
	static const struct {
		const char *said[6];
		const char *told;
	} talks[] = {
		{ { "HEAD / HTTP/1.1\r\n" }, OWED_HEAD },
		{ { "H", "E", "A", "D", " " }, OWED_HEAD },
		{ { "HEA", "D /" }, OWED_HEAD },
		{ { "HEAD", "ER " }, OWED },
		{ { "H", "I" }, OWED },
		{ { "head " }, OWED },
		{ { "\n" }, OWED },
	};
	unsigned i, k;

	(void)state;
	for (i = 0; i < sizeof(talks) / sizeof(talks[0]); i++) {
		owe(i, 0);
		for (k = 0; talks[i].said[k] != NULL; k++) {
			must_wait(i);
			say(i, talks[i].said[k]);
			assert_int_equal(dispatch(), 1);
			/* The bytes that stay there are no event again. */
			if (talks[i].said[k + 1] != NULL)
				assert_int_equal(dispatch(), 0);
		}
		must_have(i, talks[i].told);
	}
}

/* So does one that ends its stream in the middle of the word. */
static void
silence_gets_silence(void **state)
{
	int silent = owe(0, 1000), half = owe(1, 1000), gone = owe(2, 1000);

	(void)state;
	say(1, "HEA");
	shutdown(clients[1], SHUT_WR);
	shutdown(clients[2], SHUT_WR);
	assert_int_equal(dispatch(), 2);
	assert_false(is_open(gone));
	must_have(2, "");
	must_wait(0);
	must_wait(1);
	linger_step(&set, 999 + TIME);
	assert_true(is_open(silent) && is_open(half));
	linger_step(&set, 1000 + TIME);
	assert_int_equal(set.n, 0);
	must_have(0, "");
	must_have(1, "");
}

/* It has time to read, however long it took to ask; the order stays. */
static void
an_answer_begins_the_time_anew(void **state)
{
	int64_t before = clock_now();

	(void)state;
	owe(0, before - TIME + CLOCK_SECOND);
	owe(1, before - TIME + CLOCK_SECOND + 1);
	say(0, "GET ");
	assert_int_equal(dispatch(), 1);
	assert_int_equal(
	    linger_wakeup(&set), before + CLOCK_SECOND + 1); /* the other's */
	linger_step(&set, before + CLOCK_SECOND + 1);
	assert_int_equal(set.n, 1);
	must_have(1, "");
	assert_in_range(linger_wakeup(&set), before + TIME, clock_now() + TIME);
	must_have(0, OWED);
}

/* What it has sent is read before the close, which is no reset then. */
static void
an_answered_one_is_not_reset(void **state)
{
	(void)state;
	owe(0, 0);
	say(0, "GET / HTTP/1.1\r\n\r\n");
	assert_int_equal(dispatch(), 1);
	linger_step(&set, CLOCK_NEVER);
	assert_int_equal(set.n, 0);
	must_have(0, OWED);
}

/* More than one look takes is looked at again, without another arrival. */
static void
an_answered_one_may_say_much(void **state)
{
	static char much[32768];
	int room = 1 << 20;
	size_t said = 0;
	int look;

	(void)state;
	owe(0, 0);
	setsockopt(clients[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	while (said < MUCH && send(clients[0], much, sizeof(much),
	    MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof(much))
		said += sizeof(much);
	if (said < MUCH)
		skip(); /* net.core.wmem_max */
	for (look = 0; look < MUCH / LOOK; look++)
		assert_int_equal(dispatch(), 1);
	assert_int_equal(dispatch(), 0);
	must_have(0, OWED);
}

/* Who has said nothing, before an older one that has been told. */
static void
the_silent_give_way_first(void **state)
{
	int told = add(0, 0), paid = owe(1, 1), silent[2];

	(void)state;
	silent[0] = owe(2, 2);
	silent[1] = owe(3, 3);
	say(1, "GET ");
	assert_int_equal(dispatch(), 1);
	assert_true(linger_give_up(&set));
	assert_false(is_open(silent[0]));
	assert_true(linger_give_up(&set));
	assert_false(is_open(silent[1]));
	assert_true(is_open(told) && is_open(paid));
	assert_true(linger_give_up(&set));
	assert_false(is_open(told));
	assert_true(is_open(paid));
}

/* It has asked, but nobody has looked yet. */
static void
who_has_asked_is_answered_before_it_goes(void **state)
{
	(void)state;
	owe(0, 0);
	owe(1, 0);
	owe(2, 0);
	owe(3, 0);
	say(0, "GET ");
	say(1, "HEAD ");
	say(2, "GET ");
	say(3, "HEA");
	assert_true(linger_give_up(&set));
	must_have(0, OWED);
	assert_true(linger_give_up(&set));
	must_have(1, OWED_HEAD);
	linger_step(&set, TIME);
	must_have(2, OWED);
	must_have(3, "");
}

/* The next one in its place is owed nothing. */
static void
a_debt_ends_with_the_connection(void **state)
{
	int older;

	(void)state;
	owe(0, 0);
	older = add(1, 1);
	assert_true(linger_give_up(&set));
	assert_true(is_open(older));
	add(2, 2); /* where the first one was */
	assert_true(linger_give_up(&set));
	assert_false(is_open(older));
}

static void
what_cannot_be_watched_is_owed_nothing(void **state)
{
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	linger_owe(&set, null, OWED, sizeof(OWED) - 1, 0, 0);
	assert_int_equal(set.n, 0);
	assert_false(is_open(null));
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(client_ends_it),
		TEST(time_ends_it),
		TEST(order_stays),
		TEST(oldest_gives_way),
		TEST(gives_up_when_asked),
		TEST(bytes_are_bounded),
		TEST(stale_events),
		TEST(copies_do_not_stay_watched),
		TEST(unwatched),
		TEST(an_answer_waits_for_a_word),
		TEST(head_gets_the_head),
		TEST(silence_gets_silence),
		TEST(an_answer_begins_the_time_anew),
		TEST(an_answered_one_is_not_reset),
		TEST(an_answered_one_may_say_much),
		TEST(the_silent_give_way_first),
		TEST(who_has_asked_is_answered_before_it_goes),
		TEST(a_debt_ends_with_the_connection),
		TEST(what_cannot_be_watched_is_owed_nothing),
	};

	return cmocka_run_group_tests_name("linger", tests, NULL, NULL);
}
