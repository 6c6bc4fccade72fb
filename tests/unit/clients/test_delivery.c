/* What a UNIX socket says of what was sent over it: master/clients/delivery.c.  That
 * TCP counts is in test_close.c and in test_reap.c. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <unistd.h>

#include "master/clients/clients.h"
#include "master/clients/delivery.h"

#define WORDS "hi client\n"
#define LENGTH (sizeof(WORDS) - 1)

static int theirs; /* the client's end */

/* A client whose child has handed the words over, and has ended well. */
static struct client
told(void)
{
	struct client client = { .greeting_length = LENGTH,
		.phase = CLIENT_LINGERING, .closing.until = 1 };
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
	client.fd = ends[0];
	theirs = ends[1];
	client.peer = addr_of_peer(1000, 1);
	assert_int_equal(send(client.fd, WORDS, LENGTH, 0), LENGTH);
	assert_int_equal(shutdown(client.fd, SHUT_WR), 0);
	return client;
}

static void
read_bytes(size_t n)
{
	char bytes[LENGTH];

	assert_int_equal(recv(theirs, bytes, n, 0), n);
}

static void
end(const struct client *client)
{
	close(client->fd);
	if (theirs != -1)
		close(theirs);
}

static void
they_close(void)
{
	close(theirs);
	theirs = -1;
}

/* The bytes; -1: not known. */
static int64_t
bytes_of(const struct client *client, enum outcome outcome)
{
	struct delivery delivery = delivery_look(client);
	uint64_t bytes;

	return delivery_bytes(&delivery, client, outcome, &bytes) ?
	    (int64_t)bytes : -1;
}

static void
a_part_is_not_everything(void **state)
{
	struct client client = told();

	(void)state;
	assert_true(delivery_look(&client).unsent > 0);
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), 0);
	read_bytes(LENGTH - 1);
	assert_true(delivery_look(&client).unsent > 0);
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), 0);
	read_bytes(1);
	assert_int_equal(delivery_look(&client).unsent, 0);
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), LENGTH);
	/* Having ended its stream too is not to be gone. */
	assert_int_equal(shutdown(theirs, SHUT_WR), 0);
	assert_false(delivery_look(&client).gone);
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), LENGTH);
	they_close();
	assert_false(delivery_look(&client).cut);
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), LENGTH);
	end(&client);
}

/* Nothing is queued any more, and still it has not had everything: each look sees
 * it, for none takes the error away. */
static void
closing_early_is_seen(void **state)
{
	struct client client = told();
	char byte;
	int i;

	(void)state;
	read_bytes(LENGTH - 1);
	they_close();
	for (i = 0; i < 2; i++) {
		assert_int_equal(delivery_look(&client).unsent, 0);
		assert_true(delivery_look(&client).cut);
		assert_int_equal(bytes_of(&client, OUTCOME_GREETED), 0);
	}
	assert_int_equal(recv(client.fd, &byte, 1, 0), -1);
	assert_int_equal(errno, ECONNRESET);
	/* Who has read it knows the outcome. */
	assert_int_equal(bytes_of(&client, OUTCOME_RESET), 0);
	assert_int_equal(bytes_of(&client, OUTCOME_PROBED), 0);
	end(&client);
}

static void
what_is_not_known_is_not_said(void **state)
{
	struct client client = told();

	(void)state;
	client.asks = true;
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), 0);
	read_bytes(LENGTH);
	/* How long the answer was. */
	delivery_note_answer(&client);
	assert_int_equal(client.greeting_length, LENGTH);
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), -1);
	assert_int_equal(bytes_of(&client, OUTCOME_CLIENT_GONE), 0);
	client.asks = false;
	assert_int_equal(bytes_of(&client, OUTCOME_GREETED), LENGTH);
	/* What a child had sent that somebody has ended. */
	client.closing.until = 0;
	assert_int_equal(bytes_of(&client, OUTCOME_SESSION_TIMEOUT), -1);
	assert_int_equal(bytes_of(&client, OUTCOME_KILLED), -1);
	assert_int_equal(bytes_of(&client, OUTCOME_SEND_TIMEOUT), 0);
	end(&client);
}

/* Where a child may have read, nobody knows whether there was something. */
static void
who_was_silent(void **state)
{
	struct client client = told();
	struct delivery delivery = delivery_look(&client);
	int room;
	socklen_t length = sizeof(room);

	(void)state;
	assert_int_equal(
	    getsockopt(client.fd, SOL_SOCKET, SO_SNDBUF, &room, &length), 0);
	assert_true(delivery_was_silent(&delivery, &client));
	client.greeting_length = (uint32_t)room / 4;
	assert_true(delivery_was_silent(&delivery, &client));
	client.greeting_length++;
	assert_false(delivery_was_silent(&delivery, &client));
	client.greeting_length = LENGTH;
	client.holds = true;
	assert_false(delivery_was_silent(&delivery, &client));
	client.holds = false;
	client.asks = true;
	assert_false(delivery_was_silent(&delivery, &client));
	end(&client);
}

/* What delivery_was_silent() takes for granted: so much goes at once. */
static void
a_quarter_of_the_buffer_goes_at_once(void **state)
{
	static const int sizes[] = { 0, 4096, 65536 };
	static char bytes[1 << 20];
	socklen_t length = sizeof(int);
	int room, ends[2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		assert_int_equal(
		    socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
		if (sizes[i] != 0)
			setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &sizes[i],
			    sizeof(sizes[i]));
		assert_int_equal(getsockopt(ends[0], SOL_SOCKET, SO_SNDBUF,
				     &room, &length), 0);
		assert_true(room / 4 < (int)sizeof(bytes));
		assert_int_equal(send(ends[0], bytes, (size_t)room / 4,
				     MSG_DONTWAIT), room / 4);
		close(ends[0]);
		close(ends[1]);
	}
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_part_is_not_everything),
		cmocka_unit_test(closing_early_is_seen),
		cmocka_unit_test(what_is_not_known_is_not_said),
		cmocka_unit_test(who_was_silent),
		cmocka_unit_test(a_quarter_of_the_buffer_goes_at_once),
	};

	return cmocka_run_group_tests_name("delivery", tests, NULL, NULL);
}
