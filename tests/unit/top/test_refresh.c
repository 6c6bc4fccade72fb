/* Texts of greeting files on their way into force. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/refresh.h"
#include "master/system/clock.h"
#include "unit/confs.h"
#include "unit/top/server.h"

static char path[4096];
static bool just_written; /* whatever the wall clock says */

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);

/* The files of a test that wants young ones are, however slow the machine is. */
int
__wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
	struct stat status;

	if (clock != CLOCK_REALTIME || !just_written)
		return __real_clock_gettime(clock, time);
	assert_int_equal(stat(path, &status), 0);
	*time = status.st_mtim;
	return 0;
}

/* In place: the file is the same, and its times are others. */
static void
write_file(const char *text)
{
	const struct timespec pause = { 0, 20000000 }; /* of the kernel's clock */

	nanosleep(&pause, NULL);
	confs_write("text", text, strlen(text));
}

/* By rename, in this moment. */
static void
write_new(const char *text)
{
	char fresh[4096];

	snprintf(fresh, sizeof(fresh), "%s",
	    confs_write("text.new", text, strlen(text)));
	assert_int_equal(rename(fresh, path), 0);
}

/* By rename: another file, as it is a while after it was written. */
static void
put_file(const char *text)
{
	const struct timespec old[2] = { { 1000000000, 0 }, { 1000000000, 0 } };
	char fresh[4096];

	snprintf(fresh, sizeof(fresh), "%s",
	    confs_write("text.new", text, strlen(text)));
	assert_int_equal(utimensat(AT_FDCWD, fresh, old, 0), 0);
	assert_int_equal(rename(fresh, path), 0);
}

static void
begin(const char *keys)
{
	char group[5000];

	snprintf(path, sizeof(path), "%s",
	    confs_write("text", "first", strlen("first")));
	snprintf(group, sizeof(group), "greeting_file = \"%s\"; %s", path, keys);
	server_begin(group);
}

/* Until all is done that can be now, whatever it takes; and some turns more, for
 * there are other events than those that are due. */
static void
settle(void)
{
	size_t i, more = 0;

	for (i = 0; more < 10; i++) {
		assert_true(i < 10000);
		refresh_step(&server, now);
		if (refresh_wakeup(&server) <= now + CLOCK_MS)
			now += CLOCK_MS;
		else
			more++;
	}
}

/* A second later. */
static void
turn(void)
{
	now += CLOCK_SECOND;
	settle();
}

static bool
serves(const char *text)
{
	const struct plan *plan = server.running.snapshot.plan;
	const struct plan_session *session = &plan->session[0];

	return session->greeting_length == strlen(text) &&
	    memcmp((const char *)plan + session->greeting_offset, text,
		strlen(text)) == 0;
}

/* There is one on trial; it passes. */
static void
pass(const char *text)
{
	assert_true(refresh_is_trying(&server));
	refresh_passed(&server, now);
	assert_true(serves(text));
	assert_false(refresh_is_trying(&server));
}

static int
end(void **state)
{
	just_written = false;
	refresh_cancel(&server);
	return server_teardown(state);
}

static void
a_renamed_file_is_taken_at_the_next_look(void **state)
{
	(void)state;
	begin("");
	put_file("second");
	assert_true(refresh_wakeup(&server) == now + CLOCK_SECOND);
	now += CLOCK_SECOND / 2;
	settle();
	assert_int_equal(trials.tried, 0);
	now += CLOCK_SECOND / 2;
	settle();
	assert_true(serves("first"));
	pass("second");
	assert_int_equal(trials.committed, 1);
	turn();
	assert_int_equal(trials.tried, 1);
}

/* It is written twice, and taken once it stays. */
static void
settles(const char *text, const char *whole)
{
	begin("");
	write_file(text);
	turn();
	write_file(whole);
	turn();
	assert_int_equal(trials.tried, 0);
	turn();
	pass(whole);
}

static void
one_that_is_written_settles(void **state)
{
	(void)state;
	settles("sec", "second");
}

/* Its size and content may be the same meanwhile. */
static void
one_that_is_written_again_has_not_settled(void **state)
{
	(void)state;
	settles("second", "second");
}

/* A new file that is being written, at a name that was free. */
static void
a_young_file_is_looked_at_again(void **state)
{
	(void)state;
	begin("refresh = 3600;");
	assert_int_equal(unlink(path), 0);
	confs_write("text", "sec", 3);
	now += 3600 * CLOCK_SECOND;
	just_written = true;
	settle();
	just_written = false;
	assert_int_equal(trials.tried, 0);
	assert_true(refresh_wakeup(&server) <= now + CLOCK_SECOND / 10);
	put_file("second");
	now += CLOCK_SECOND / 10;
	settle();
	pass("second");
}

/* One that always is young is taken all the same. */
static void
a_file_is_not_young_for_ever(void **state)
{
	size_t i;

	(void)state;
	begin("");
	now += CLOCK_SECOND;
	just_written = true;
	for (i = 0; i < 5; i++) {
		assert_int_equal(trials.tried, 0);
		write_new("young");
		settle();
		now += CLOCK_SECOND / 10;
	}
	pass("young");
}

/* What went amiss while it was being written is no reason to take half of it. */
static void
one_that_is_missed_has_to_settle_still(void **state)
{
	(void)state;
	begin("");
	write_file("half");
	turn();
	assert_int_equal(chmod(path, 0666), 0);
	turn();
	assert_int_equal(chmod(path, 0600), 0);
	turn();
	assert_int_equal(trials.tried, 0);
	write_file("whole");
	turn();
	assert_int_equal(trials.tried, 0);
	turn();
	pass("whole");
}

/* The file is as it was, and yet it has not been taken. */
static void
one_that_is_missed_for_its_directory_is_taken(void **state)
{
	char directory[4096];

	(void)state;
	begin("");
	snprintf(directory, sizeof(directory), "%s", path);
	*strrchr(directory, '/') = '\0';
	write_file("whole");
	turn();
	assert_int_equal(chmod(directory, 0777), 0);
	turn();
	assert_int_equal(chmod(directory, 0700), 0);
	turn();
	assert_int_equal(trials.tried, 0);
	turn();
	pass("whole");
}

static void
times_alone_are_no_news(void **state)
{
	(void)state;
	begin("");
	write_file("first");
	turn();
	turn();
	put_file("first");
	turn();
	turn();
	assert_int_equal(trials.tried, 0);
}

/* What changes while the file is being loaded is seen. */
static void
a_change_at_the_load_is_not_lost(void **state)
{
	(void)state;
	begin("");
	put_file("second");
	refresh_begin(&server, now); /* as at the end of a reload */
	turn();
	pass("second");
}

static void
there_is_one_a_second(void **state)
{
	size_t i;

	(void)state;
	begin("refresh = 0.1;");
	for (i = 0; i < 40; i++) {
		put_file(i % 2 == 0 ? "even" : "odd");
		now += CLOCK_SECOND / 10;
		settle();
		if (refresh_is_trying(&server))
			pass(i % 2 == 0 ? "even" : "odd"); /* not an old one */
	}
	assert_int_equal(trials.committed, 4);
}

static void
a_missing_file_is_said_once(void **state)
{
	size_t i;

	(void)state;
	begin("");
	assert_int_equal(unlink(path), 0);
	turn();
	assert_int_equal(logged_count("refresh"), 0);
	for (i = 0; i < 5; i++)
		turn();
	assert_int_equal(logged_count("refresh"), 1);
	assert_non_null(strstr(logged_last("refresh"), "result=failed"));
	assert_non_null(strstr(logged_last("refresh"), "No such file"));
	put_file("second");
	turn();
	assert_int_equal(logged_count("refresh"), 2);
	assert_non_null(strstr(logged_last("refresh"), "result=ok"));
	pass("second");
}

/* With an hour between looks nobody waits that long for the second one. */
static void
a_missing_file_is_looked_for_soon(void **state)
{
	(void)state;
	begin("refresh = 3600;");
	assert_int_equal(unlink(path), 0);
	now += 3600 * CLOCK_SECOND;
	settle();
	turn();
	assert_int_equal(logged_count("refresh"), 1);
	assert_true(refresh_wakeup(&server) > now + 3590 * CLOCK_SECOND);
}

static void
a_failed_trial_is_tried_again(void **state)
{
	(void)state;
	begin("");
	put_file("second");
	trials.fails = true;
	turn();
	assert_int_equal(logged_count("refresh"), 1);
	turn();
	assert_int_equal(trials.tried, 2);
	assert_int_equal(logged_count("refresh"), 1);
	assert_true(serves("first"));
	trials.fails = false;
	turn();
	refresh_failed(&server, now);
	assert_int_equal(logged_count("refresh"), 1);
	turn();
	pass("second");
	assert_int_equal(logged_count("refresh"), 2);
	assert_non_null(strstr(logged_last("refresh"), "result=ok"));
}

/* What has failed is taken back: all is well. */
static void
a_failure_that_is_not_wanted_is_over(void **state)
{
	(void)state;
	begin("");
	put_file("second");
	trials.fails = true;
	turn();
	put_file("first");
	turn();
	assert_int_equal(trials.tried, 1);
	assert_int_equal(logged_count("refresh"), 2);
	assert_non_null(strstr(logged_last("refresh"), "result=ok"));
}

/* It is not ended by the next generation. */
static void
a_standbys_trial_comes_first(void **state)
{
	(void)state;
	begin("");
	put_file("second");
	server.spawners.next.index = 1;
	turn();
	assert_int_equal(trials.tried, 0);
	server.spawners.next.index = -1;
	settle();
	pass("second");
}

static void
a_reloads_trial_comes_first(void **state)
{
	(void)state;
	begin("");
	put_file("second");
	server_occupy(true);
	turn();
	assert_int_equal(trials.tried, 0);
	assert_true(refresh_wakeup(&server) == CLOCK_NEVER);
	server_occupy(false);
	settle();
	pass("second");
	put_file("third");
	turn();
	refresh_begin(&server, now); /* of another configuration */
	assert_false(refresh_is_trying(&server));
}

static void
a_stop_ends_it(void **state)
{
	(void)state;
	begin("");
	put_file("second");
	turn();
	refresh_cancel(&server);
	assert_int_equal(trials.abandoned, 1);
	assert_true(refresh_wakeup(&server) == CLOCK_NEVER);
}

static void
variables_come_and_go(void **state)
{
	const struct message_session *said;

	(void)state;
	begin("");
	put_file("%{id}");
	turn();
	pass("%{id}");
	said = &server.running.messages.sessions[0];
	assert_int_equal(said->n_texts, 1);
	assert_int_equal(server.running.snapshot.plan->session[0].rendered, 1);
	put_file("plain");
	turn();
	pass("plain");
	said = &server.running.messages.sessions[0];
	assert_int_equal(said->n_texts, 0);
	assert_int_equal(server.running.snapshot.plan->session[0].rendered, 0);
}

/* Large ones are read and put in pieces. */
static void
a_large_one_takes_many_turns(void **state)
{
	static char large[(1 << 20) + 1];
	size_t i;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	begin("");
	put_file(large);
	now += CLOCK_SECOND;
	for (i = 0; !refresh_is_trying(&server); i++) {
		refresh_step(&server, now);
		now += CLOCK_MS;
	}
	assert_in_range(i, 4, 200);
	pass(large);
}

#define TEST(name) cmocka_unit_test_teardown(name, end)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(a_renamed_file_is_taken_at_the_next_look),
		TEST(one_that_is_written_settles),
		TEST(one_that_is_written_again_has_not_settled),
		TEST(a_young_file_is_looked_at_again),
		TEST(a_file_is_not_young_for_ever),
		TEST(one_that_is_missed_has_to_settle_still),
		TEST(one_that_is_missed_for_its_directory_is_taken),
		TEST(times_alone_are_no_news),
		TEST(a_change_at_the_load_is_not_lost),
		TEST(there_is_one_a_second),
		TEST(a_missing_file_is_said_once),
		TEST(a_missing_file_is_looked_for_soon),
		TEST(a_failed_trial_is_tried_again),
		TEST(a_failure_that_is_not_wanted_is_over),
		TEST(a_standbys_trial_comes_first),
		TEST(a_reloads_trial_comes_first),
		TEST(a_stop_ends_it),
		TEST(variables_come_and_go),
		TEST(a_large_one_takes_many_turns),
	};

	return cmocka_run_group_tests(tests, confs_setup, confs_teardown);
}
