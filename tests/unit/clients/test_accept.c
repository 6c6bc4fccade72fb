/* Accepting: batches, turns, muted listeners, errors of accept(2). */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "master/clients/accept.h"
#include "master/clients/hand_over.h"
#include "master/system/clock.h"
#include "unit/service.h"

#define BATCH 16

/* accept4() fails with these, first to last, before it works again. */
static int accept_errors[BATCH + 1];
static size_t n_accept_errors, next_accept_error;
static size_t n_accepts; /* calls */
static int no_name; /* error of getsockname(); 0: it works */
static size_t n_names; /* calls of it */

int __real_accept4(
    int fd, struct sockaddr *address, socklen_t *length, int flags);
int __wrap_accept4(
    int fd, struct sockaddr *address, socklen_t *length, int flags);

int
__wrap_accept4(int fd, struct sockaddr *address, socklen_t *length, int flags)
{
	n_accepts++;
	if (next_accept_error == n_accept_errors)
		return __real_accept4(fd, address, length, flags);
	errno = accept_errors[next_accept_error++];
	return -1;
}

int __real_getsockname(
    int fd, struct sockaddr *address, socklen_t *length);
int __wrap_getsockname(
    int fd, struct sockaddr *address, socklen_t *length);

int
__wrap_getsockname(int fd, struct sockaddr *address, socklen_t *length)
{
	n_names++;
	errno = no_name;
	return no_name != 0 ? -1 : __real_getsockname(fd, address, length);
}

static void
fail_accept(int error, size_t times)
{
	next_accept_error = n_accept_errors = 0;
	while (n_accept_errors < times)
		accept_errors[n_accept_errors++] = error;
}

static void
connect_some(size_t listener, int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		fds[i] = client_connect(listener, NULL);
}

static void
close_all(const int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		close(fds[i]);
}

static void
accept_now(void)
{
	service_events();
	accept_step(&service, now);
}

static void
a_client_is_filled_in_and_handed_over(void **state)
{
	const struct client *client;
	int fd;

	(void)state;
	service_begin("", "timeouts = { session = 3.0; };", NULL);
	fd = client_connect(0, "127.0.0.9");
	n_names = 0;
	accept_now();
	assert_int_equal(n_names, 0); /* it is the listener's */
	assert_int_equal(spawner.n, 1);
	client = &service.clients.slots[spawner.slots[0]];
	assert_int_equal(client->phase, CLIENT_HANDED);
	assert_int_equal(client->peer.bytes[3], 9);
	assert_true(addr_equal(&client->local, &setup.listeners.list[0].bound));
	assert_int_equal(client->accepted, now);
	assert_int_equal(client->expires, now + 3 * CLOCK_SECOND);
	assert_int_equal(client->send_ms, 10000);
	assert_int_equal(client->greeting_length, sizeof(SERVICE_GREETING) - 1);
	assert_int_equal(client->generation, SERVICE_GENERATION);
	assert_int_equal(service_row(0)->accepted, 1);
	assert_int_equal(service_row(0)->live, 1);
	close(fd);
}

/* It came to some address of this machine, and the listener has any. */
static void
a_client_of_any_address_has_its_own(void **state)
{
	int fd;

	(void)state;
	service_begin("", "", NULL);
	fd = client_connect(0, NULL);
	memset(setup.listeners.list[0].bound.bytes, 0, 16);
	assert_true(addr_is_any(&setup.listeners.list[0].bound));
	accept_now();
	assert_true(
	    addr_equal(&service.clients.slots[spawner.slots[0]].local,
		&setup.listeners.list[0].addr));
	close(fd);
}

/* One that cannot be told where it came to came to where the listener is. */
static void
a_client_without_an_address_has_the_listeners(void **state)
{
	int fd;

	(void)state;
	service_begin("", "", NULL);
	fd = client_connect(0, NULL);
	memset(setup.listeners.list[0].bound.bytes, 0, 16);
	no_name = ENOBUFS;
	accept_now();
	no_name = 0;
	assert_true(
	    addr_equal(&service.clients.slots[spawner.slots[0]].local,
		&setup.listeners.list[0].bound));
	close(fd);
}

/* Nobody is asked for another one who has just said that there is none. */
static void
a_turn_ends_with_the_queue(void **state)
{
	int fd;

	(void)state;
	service_begin("", "", "");
	fd = client_connect(0, NULL);
	n_accepts = 0;
	accept_now();
	assert_int_equal(service_row(0)->accepted, 1);
	assert_int_equal(n_accepts, 2);
	accept_now();
	assert_int_equal(n_accepts, 2);
	close(fd);
}

/* It has taken nothing from the others. */
static void
a_listener_that_took_nobody_keeps_its_turn(void **state)
{
	int fd;

	(void)state;
	service_begin("", "", "");
	fd = client_connect(0, NULL);
	fail_accept(EAGAIN, 1);
	accept_now();
	assert_int_equal(service.watch.first, 0);
	accept_now();
	assert_int_equal(service_row(0)->accepted, 1);
	assert_int_equal(service.watch.first, 1);
	close(fd);
}

/* A client that has come meanwhile is there in the next turn. */
static void
listeners_without_news_are_not_asked(void **state)
{
	int fds[2];

	(void)state;
	service_begin("", "", "");
	fds[0] = client_connect(1, NULL);
	service_events();
	fds[1] = client_connect(0, NULL);
	accept_step(&service, now);
	assert_int_equal(service_row(0)->accepted, 0);
	assert_int_equal(service_row(1)->accepted, 1);
	close_all(fds, 2);
}

/* It has a user and a process, neither of which is known here. */
static void
a_client_of_a_unix_socket_has_no_address(void **state)
{
	struct listener *listener;
	const struct client *client;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	listener = &setup.listeners.list[0];
	fd = client_connect(0, NULL);
	listener->bound.family = AF_UNIX;
	accept_now();
	client = &service.clients.slots[spawner.slots[0]];
	assert_int_equal(client->peer.family, AF_UNIX);
	assert_int_equal(client->local.family, AF_UNSPEC);
	listener->bound.family = AF_INET;
	close(fd);
}

static void
a_turn_takes_a_batch_and_leaves_the_rest(void **state)
{
	int fds[BATCH + 4], other;

	(void)state;
	service_begin("", "", "");
	connect_some(0, fds, BATCH + 4);
	other = client_connect(1, NULL);
	accept_now();
	assert_int_equal(service_row(0)->accepted, BATCH);
	assert_int_equal(service_row(1)->accepted, 1);
	assert_false(setup.listeners.list[0].muted);
	accept_now();
	assert_int_equal(service_row(0)->accepted, BATCH + 4);
	close_all(fds, BATCH + 4);
	close(other);
}

/* What becomes free when the daemon is full goes to all in turn. */
static void
listeners_take_turns(void **state)
{
	int fds[2][3];
	size_t i;

	(void)state;
	service_begin("limits = { max_clients = 1; };", "", "");
	connect_some(0, fds[0], 3);
	connect_some(1, fds[1], 3);
	accept_now();
	for (i = 0; i < 6; i++) {
		assert_int_equal(service_row(0)->accepted, (i + 2) / 2);
		assert_int_equal(service_row(1)->accepted, (i + 1) / 2);
		spawner_clone(spawner.slots[i]);
		hand_over_step(&service, now);
		child_exit(spawner.slots[i], OUTCOME_CLIENT_GONE);
		now += CLOCK_SECOND;
		reap_step(&service, now);
		accept_resume(&service, now);
		accept_now();
	}
	close_all(fds[0], 3);
	close_all(fds[1], 3);
}

static void
a_full_listener_is_muted_until_there_is_room(void **state)
{
	int fds[3];

	(void)state;
	service_begin("", "limits = { max_clients = 2; };", "");
	connect_some(0, fds, 3);
	accept_now();
	assert_int_equal(service_row(0)->live, 2);
	assert_true(setup.listeners.list[0].muted);
	assert_false(setup.listeners.list[1].muted);
	assert_int_equal(logged_count("full"), 1);
	accept_resume(&service, now);
	assert_true(setup.listeners.list[0].muted);
	assert_true(service.watch.any_muted);
	spawner_clone(spawner.slots[0]);
	hand_over_step(&service, now);
	child_exit(spawner.slots[0], OUTCOME_CLIENT_GONE);
	reap_step(&service, now);
	accept_resume(&service, now);
	assert_false(setup.listeners.list[0].muted);
	assert_false(service.watch.any_muted);
	accept_now();
	assert_int_equal(service_row(0)->accepted, 3);
	assert_int_equal(service_row(0)->live, 2);
	close_all(fds, 3);
}

/* The listener's own when_full, not the daemon's. */
static void
a_full_listener_that_refuses_goes_on_to(void **state)
{
	int fds[3];

	(void)state;
	service_begin("refusals = { busy = \"full\\n\"; };",
	    "limits = { max_clients = 1; when_full = \"refuse\"; };", NULL);
	connect_some(0, fds, 3);
	accept_now();
	assert_int_equal(service_row(0)->live, 1);
	assert_int_equal(service_row(0)->refused[REFUSAL_BUSY], 2);
	assert_false(setup.listeners.list[0].muted);
	assert_string_equal(client_read(fds[1]), "full\n");
	assert_string_equal(client_read(fds[2]), "full\n");
	close_all(fds, 3);
}

/* A closed service takes nobody, whoever may be let in. */
static void
no_one_is_accepted_by(void (*close_it)(void))
{
	int fd;

	service_begin("", "", NULL);
	close_it();
	fd = client_connect(0, NULL);
	accept_now();
	assert_int_equal(service_row(0)->accepted, 0);
	assert_true(setup.listeners.list[0].muted);
	accept_resume(&service, now);
	assert_true(setup.listeners.list[0].muted);
	close(fd);
	service_teardown(NULL);
}

static void
close_service(void)
{
	service.is_open = false;
}

static void
fill_spawner(void)
{
	spawner.is_full = true;
}

static void
pause_accepting(void)
{
	backoff_fail(&service.accepting, "accept", EMFILE, now);
}

static void
pause_forking(void)
{
	backoff_fail(&service.forking, "clone", EAGAIN, now);
}

/* Who waits comes first. */
static void
have_someone_wait(void)
{
	uint32_t slot = clients_add(&service.clients);

	service.clients.slots[slot].fd = dup(0);
	clients_move(&service.clients, slot, CLIENT_WAITING);
}

static void
nobody_is_accepted_who_could_not_be_served(void **state)
{
	(void)state;
	no_one_is_accepted_by(close_service);
	no_one_is_accepted_by(fill_spawner);
	no_one_is_accepted_by(pause_accepting);
	no_one_is_accepted_by(pause_forking);
	no_one_is_accepted_by(have_someone_wait);
}

static void
a_client_that_is_not_taken_waits(void **state)
{
	int fd;

	(void)state;
	service_begin("", "", NULL);
	spawner.error = EPIPE;
	fd = client_connect(0, NULL);
	accept_now();
	assert_int_equal(service_row(0)->live, 1);
	assert_int_equal(service.clients.list[CLIENT_WAITING].count, 1);
	close(fd);
}

/* The next one may be fine. */
static void
an_error_of_the_connection_is_passed_over(void **state)
{
	static const int errors[] = { ECONNABORTED, EINTR, EINVAL, EPROTO,
		EPERM, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH,
		EOPNOTSUPP, ENETUNREACH, ETIMEDOUT };
	size_t i;
	int fd;

	(void)state;
	for (i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		service_begin("", "", NULL);
		fd = client_connect(0, NULL);
		fail_accept(errors[i], BATCH - 1);
		accept_now();
		assert_int_equal(service_row(0)->accepted, 1);
		assert_int_equal(service.counters.accept_failures, 0);
		assert_false(backoff_waits(&service.accepting));
		close(fd);
		service_teardown(NULL);
	}
	service_begin("", "", NULL);
}

/* Then it is no connection's own error, and would be repeated for ever. */
static void
a_batch_of_errors_is_a_reason_to_pause(void **state)
{
	int fd;

	(void)state;
	service_begin("", "", NULL);
	fd = client_connect(0, NULL);
	fail_accept(EPROTO, BATCH);
	accept_now();
	assert_int_equal(service_row(0)->accepted, 0);
	assert_int_equal(service.counters.accept_failures, 1);
	assert_true(backoff_waits(&service.accepting));
	close(fd);
}

static void
a_lack_of_descriptors_is_waited_for(void **state)
{
	int64_t until;
	int fd;

	(void)state;
	service_begin("", "", NULL);
	fd = client_connect(0, NULL);
	fail_accept(EMFILE, 1);
	accept_now();
	assert_int_equal(service.counters.accept_failures, 1);
	assert_int_equal(next_accept_error, 1);
	until = accept_wakeup(&service);
	assert_int_equal(until, now + BACKOFF_FIRST_MS * CLOCK_MS);
	accept_now(); /* too early */
	accept_resume(&service, now);
	assert_int_equal(service_row(0)->accepted, 0);
	assert_true(setup.listeners.list[0].muted);
	now = until;
	assert_int_equal(accept_wakeup(&service), until);
	accept_now();
	accept_resume(&service, now);
	assert_false(setup.listeners.list[0].muted);
	accept_now();
	assert_int_equal(service_row(0)->accepted, 1);
	assert_int_equal(accept_wakeup(&service), CLOCK_NEVER);
	close(fd);
}

/* Who was refused has had its text: its descriptor is needed more. */
static void
refused_clients_give_up_their_descriptors(void **state)
{
	int fds[3];

	(void)state;
	service_begin("",
	    "limits = { max_clients = 1; when_full = \"refuse\"; };", NULL);
	connect_some(0, fds, 2);
	accept_now();
	assert_int_equal(service.linger.n, 1);
	connect_some(0, fds + 2, 1);
	fail_accept(EMFILE, 1);
	accept_now();
	assert_int_equal(service_row(0)->refused[REFUSAL_BUSY], 2);
	assert_int_equal(service.linger.n, 1);
	assert_int_equal(service.counters.accept_failures, 1);
	assert_false(backoff_waits(&service.accepting));
	close_all(fds, 3);
}

/* However many there are, a batch of failures ends the turn. */
static void
not_all_refused_clients_are_given_up_in_one_turn(void **state)
{
	int fds[BATCH + 2], i;

	(void)state;
	service_begin("",
	    "limits = { max_clients = 1; when_full = \"refuse\"; };", NULL);
	for (i = 0; i < BATCH + 1; i++) {
		fds[i] = client_connect(0, NULL);
		accept_now();
	}
	assert_int_equal(service.linger.n, BATCH);
	fds[i] = client_connect(0, NULL);
	fail_accept(EMFILE, BATCH);
	accept_now();
	assert_int_equal(service.linger.n, 1);
	assert_true(backoff_waits(&service.accepting));
	close_all(fds, BATCH + 2);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_client_is_filled_in_and_handed_over),
		TEST(a_client_of_any_address_has_its_own),
		TEST(a_client_without_an_address_has_the_listeners),
		TEST(a_turn_ends_with_the_queue),
		TEST(a_listener_that_took_nobody_keeps_its_turn),
		TEST(listeners_without_news_are_not_asked),
		TEST(a_client_of_a_unix_socket_has_no_address),
		TEST(a_turn_takes_a_batch_and_leaves_the_rest),
		TEST(listeners_take_turns),
		TEST(a_full_listener_is_muted_until_there_is_room),
		TEST(a_full_listener_that_refuses_goes_on_to),
		cmocka_unit_test(nobody_is_accepted_who_could_not_be_served),
		TEST(a_client_that_is_not_taken_waits),
		TEST(an_error_of_the_connection_is_passed_over),
		TEST(a_batch_of_errors_is_a_reason_to_pause),
		TEST(a_lack_of_descriptors_is_waited_for),
		TEST(refused_clients_give_up_their_descriptors),
		TEST(not_all_refused_clients_are_given_up_in_one_turn),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
