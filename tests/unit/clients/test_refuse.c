/* Refusing: what the client gets, what is counted, what is logged. */
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
#include "master/clients/refuse.h"
#include "master/system/clock.h"
#include "unit/service.h"

#define DENY_ALL "rules = ( { from = \"any\"; action = \"deny\"; } );"

static int
refused_one(const char *from)
{
	int fd = client_connect(0, from);

	accept_resume(&service, now);
	service_events();
	accept_step(&service, now);
	return fd;
}

static void
the_text_comes_whole_and_the_end_behind_it(void **state)
{
	static const uint64_t one[REFUSAL_COUNT] = { [REFUSAL_DENIED] = 1 };
	int fd;

	(void)state;
	service_begin("",
	    DENY_ALL " refusals = { denied = \"no %{client_ip} "
		     "%{server_port} %{listener} %{id} %{clients}\\n\"; };",
	    NULL);
	fd = refused_one("127.0.0.9");
	assert_string_equal(client_read(fd), "no 127.0.0.9 7001 a 1 0\n");
	assert_memory_equal(service_row(0)->refused, one, sizeof(one));
	assert_int_equal(service_row(0)->accepted, 1);
	assert_int_equal(service_row(0)->live, 0);
	assert_int_equal(service.counters.live, 0);
	assert_int_equal(service.clients.slots[0].phase, CLIENT_FREE);
	assert_int_equal(service.clients.free, 0);
	assert_int_equal(spawner.n, 0);
	close(fd);
}

/* Without a reset, whatever it says meanwhile; the last of it ends when it has
 * closed too. */
static void
its_connection_lingers_until_it_closes(void **state)
{
	int fd;

	(void)state;
	service_begin("", DENY_ALL, NULL);
	fd = refused_one(NULL);
	assert_int_equal(service.linger.n, 1);
	assert_int_equal(send(fd, "hello", 5, MSG_NOSIGNAL), 5);
	service_await(EVENT_LINGER);
	assert_int_equal(service.linger.n, 1);
	assert_string_not_equal(client_read(fd), "");
	close(fd);
	service_await(EVENT_LINGER);
	assert_int_equal(service.linger.n, 0);
}

static void
an_empty_text_is_just_the_end(void **state)
{
	int fd;

	(void)state;
	service_begin(
	    "", DENY_ALL " refusals = { denied = \"\"; };", NULL);
	fd = refused_one(NULL);
	assert_string_equal(client_read(fd), "");
	close(fd);
}

static void
a_rule_has_a_text_of_its_own(void **state)
{
	int fds[2];

	(void)state;
	service_begin("",
	    "rules = ( { from = \"127.0.0.9\"; action = \"deny\"; "
	    "greeting = \"not you\\n\"; }, "
	    "{ from = \"any\"; action = \"deny\"; } ); "
	    "refusals = { denied = \"nobody\\n\"; };",
	    NULL);
	fds[0] = refused_one("127.0.0.9");
	assert_string_equal(client_read(fds[0]), "not you\n");
	fds[1] = refused_one("127.0.0.8");
	assert_string_equal(client_read(fds[1]), "nobody\n");
	close(fds[0]);
	close(fds[1]);
}

/* It was not let in, so it has nothing of what its source may have. */
static void
who_is_refused_counts_for_no_source(void **state)
{
	int fds[4];
	size_t i;

	(void)state;
	service_begin("limits = { max_clients_per_source = 1; };"
		      "refusals = { busy_per_source = \"%{limit}\\n\"; };",
	    "", NULL);
	for (i = 0; i < 3; i++)
		fds[i] = refused_one("127.0.0.9");
	assert_int_equal(spawner.n, 1);
	assert_int_equal(service_row(0)->refused[REFUSAL_BUSY_PER_SOURCE], 2);
	assert_string_equal(client_read(fds[2]), "1\n");
	fds[3] = refused_one("127.0.0.8");
	assert_int_equal(spawner.n, 2);
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

/* One that was let in, and then can have no process, gives its place back. */
static void
who_is_refused_later_leaves_its_source(void **state)
{
	uint32_t slot;
	int fds[2];

	(void)state;
	service_begin(
	    "limits = { max_clients_per_source = 1; };", "", NULL);
	spawner.error = EPIPE;
	fds[0] = refused_one("127.0.0.9");
	slot = service.clients.list[CLIENT_WAITING].head;
	assert_int_not_equal(slot, CLIENT_NONE);
	refuse(&service, slot, REFUSAL_NO_RESOURCES, now);
	assert_int_equal(service_row(0)->refused[REFUSAL_NO_RESOURCES], 1);
	spawner.error = 0;
	fds[1] = refused_one("127.0.0.9");
	assert_int_equal(spawner.n, 1);
	close(fds[0]);
	close(fds[1]);
}

/* As limits.max_clients counts them: who lingers is none. */
static void
the_text_counts_those_who_have_a_place(void **state)
{
	uint32_t slot;
	int fds[3];

	(void)state;
	service_begin("limits = { max_clients = 1; when_full = \"refuse\"; };"
		      "refusals = { busy = \"%{clients} of %{limit}\\n\"; };",
	    "", NULL);
	slot = client_serve(0, NULL, &fds[0]);
	child_greet(slot);
	child_exit(slot, OUTCOME_GREETED);
	reap_step(&service, now);
	assert_int_equal(service_row(0)->lingering, 1);
	fds[1] = refused_one(NULL);
	fds[2] = refused_one(NULL);
	assert_string_equal(client_read(fds[2]), "1 of 1\n");
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
}

/* ---------------------------------------------------------------------- lines */

static void
so_many_lines_a_second_pass(void **state)
{
	struct refuse_log log = { 0 };
	int64_t at = 5 * CLOCK_SECOND;
	uint64_t who;

	(void)state;
	for (who = 1; who <= REFUSE_LINES; who++)
		assert_true(refuse_log_pass(&log, who, at + (int64_t)who));
	assert_false(refuse_log_pass(&log, who, at + REFUSE_LINES));
	/* The oldest line's second is over. */
	assert_false(refuse_log_pass(&log, who, at + CLOCK_SECOND));
	assert_true(refuse_log_pass(&log, who, at + CLOCK_SECOND + 1));
	assert_false(refuse_log_pass(&log, who + 1, at + CLOCK_SECOND + 1));
	assert_true(refuse_log_pass(&log, who + 1, at + CLOCK_SECOND + 2));
}

static void
a_source_has_one_line_a_second(void **state)
{
	struct refuse_log log = { 0 };
	int64_t at = 5 * CLOCK_SECOND;

	(void)state;
	assert_true(refuse_log_pass(&log, 1, at));
	assert_false(refuse_log_pass(&log, 1, at));
	assert_true(refuse_log_pass(&log, 2, at + 1));
	assert_false(refuse_log_pass(&log, 1, at + CLOCK_SECOND - 1));
	assert_true(refuse_log_pass(&log, 1, at + CLOCK_SECOND));
	assert_false(refuse_log_pass(&log, 2, at + CLOCK_SECOND));
	/* 0 is a source like any other. */
	assert_true(refuse_log_pass(&log, 0, at + CLOCK_SECOND));
	assert_false(refuse_log_pass(&log, 0, at + CLOCK_SECOND));
}

static void
a_line_says_how_many_had_none(void **state)
{
	int fds[4];
	size_t i;

	(void)state;
	service_begin("", DENY_ALL, NULL);
	for (i = 0; i < 3; i++)
		fds[i] = refused_one("127.0.0.9");
	assert_int_equal(logged_count("refused"), 1);
	assert_non_null(strstr(logged_last("refused"), "refused id=1 "
						       "listener=a "
						       "src=127.0.0.9 "));
	assert_non_null(strstr(
	    logged_last("refused"), " reason=denied suppressed=0"));
	now += CLOCK_SECOND;
	fds[3] = refused_one("127.0.0.9");
	assert_int_equal(logged_count("refused"), 2);
	assert_non_null(strstr(logged_last("refused"), " suppressed=2"));
	now += CLOCK_SECOND;
	close(fds[3]);
	fds[3] = refused_one("127.0.0.9");
	assert_non_null(strstr(logged_last("refused"), " suppressed=0"));
	for (i = 0; i < 4; i++)
		close(fds[i]);
}

static void
clients_that_are_not_logged_are_not_suppressed(void **state)
{
	int fds[2];

	(void)state;
	service_begin("log = { clients = \"none\"; };", DENY_ALL, NULL);
	fds[0] = refused_one(NULL);
	fds[1] = refused_one(NULL);
	assert_int_equal(logged_count("refused"), 0);
	assert_int_equal(service.refusals.suppressed, 0);
	close(fds[0]);
	close(fds[1]);
}

#define TEST(name) cmocka_unit_test_teardown(name, service_teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(the_text_comes_whole_and_the_end_behind_it),
		TEST(its_connection_lingers_until_it_closes),
		TEST(an_empty_text_is_just_the_end),
		TEST(a_rule_has_a_text_of_its_own),
		TEST(who_is_refused_counts_for_no_source),
		TEST(who_is_refused_later_leaves_its_source),
		TEST(the_text_counts_those_who_have_a_place),
		cmocka_unit_test(so_many_lines_a_second_pass),
		cmocka_unit_test(a_source_has_one_line_a_second),
		TEST(a_line_says_how_many_had_none),
		TEST(clients_that_are_not_logged_are_not_suppressed),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
