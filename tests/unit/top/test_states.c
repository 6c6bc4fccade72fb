/* Which state a listener is in: master/states.c.  Whose word counts, for how
 * long, and what of it is kept. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/stat.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "master/reload.h"
#include "master/state_file.h"
#include "master/states.h"
#include "master/system/clock.h"
#include "master/system/log.h"
#include "unit/top/server.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define STDERR_LOG "log = { target = \"stderr\"; };"
#define TODAY 1764108000
#define LOOK (30 * CLOCK_SECOND)

static time_t today; /* what people's clock says */

time_t __wrap_time(time_t *where);

time_t
__wrap_time(time_t *where)
{
	if (where != NULL)
		*where = today;
	return today;
}

static bool no_memory; /* for a text */
static char warned[1024]; /* the last line of the log that is a sentence */

int __wrap_asprintf(char **text, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int __wrap___asprintf_chk(char **text, int flag, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void __wrap_log_line(int priority, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static int text_make(char **text, const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));

static int
text_make(char **text, const char *format, va_list args)
{
	if (!no_memory)
		return vasprintf(text, format, args);
	*text = (char *)1; /* it says nothing then */
	return -1;
}

int
__wrap_asprintf(char **text, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = text_make(text, format, args);
	va_end(args);
	return n;
}

/* With _FORTIFY_SOURCE. */
int
__wrap___asprintf_chk(char **text, int flag, const char *format, ...)
{
	va_list args;
	int n;

	(void)flag;
	va_start(args, format);
	n = text_make(text, format, args);
	va_end(args);
	return n;
}

void
__wrap_log_line(int priority, const char *format, ...)
{
	va_list args;

	assert_int_equal(priority, LOG_WARNING);
	va_start(args, format);
	vsnprintf(warned, sizeof(warned), format, args);
	va_end(args);
}

/* ------------------------------------------------------------------- a server */

/* With that state file; "": none. */
static void
begin_states(const char *path)
{
	char text[1024];
	struct conf *conf;

	snprintf(text, sizeof(text), "state_file = \"%s\";", path);
	conf = confs_must_load(text);
	states_begin(&server.states, conf);
	free(conf);
}

static void
reload_to(const char *b)
{
	server_write(service_conf(STDERR_LOG, "", b));
	server.reload.wanted = true;
	server_reload();
	reload_passed(&server, now);
}

/* Listeners "a" and "b", ready. */
static int
setup_states(void **state)
{
	(void)state;
	today = TODAY;
	no_memory = false;
	warned[0] = '\0';
	server_begin("");
	begin_states("");
	states_apply(&server);
	reload_to("");
	assert_int_equal(server.running.conf->n_listeners, 2);
	logged_clear();
	return 0;
}

static int
teardown_states(void **state)
{
	if (server.states.path[0] != '\0')
		free((char *)(uintptr_t)server.states.path);
	return server_teardown(state);
}

/* A file of the test, in a static buffer that stays. */
static const char *
file_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s", confs_path(name));
	return path;
}

static char *said; /* by the last order, or NULL */

/* Returns whether it is kept; said is what is said of it. */
static bool
order(enum state state, int64_t until, const char *listener)
{
	struct state_order order = { .state = state, .until = until,
		.reason = "why", .listeners = { listener },
		.n_listeners = listener != NULL };
	struct state_result result;

	free(said);
	states_order(&server, &order, &result);
	said = result.text;
	return result.ok;
}

static void
must_be(size_t listener, enum state state, int64_t until)
{
	const struct listener_state *is = &server.service.states[listener];

	assert_string_equal(state_name(is->state), state_name(state));
	assert_int_equal(is->until, until);
}

static void
must_be_both(enum state a, enum state b)
{
	assert_string_equal(
	    state_name(server.service.states[0].state), state_name(a));
	assert_string_equal(
	    state_name(server.service.states[1].state), state_name(b));
}

/* -------------------------------------------------------------- whose word counts */

/* One for a listener counts before that for all, which forgets single ones. */
static void
the_latest_word_counts(void **state)
{
	(void)state;
	assert_true(order(STATE_DRAIN, 0, NULL));
	must_be_both(STATE_DRAIN, STATE_DRAIN);
	assert_true(order(STATE_READY, 0, "a"));
	must_be_both(STATE_READY, STATE_DRAIN);
	assert_true(order(STATE_MAINTENANCE, 0, "b"));
	must_be_both(STATE_READY, STATE_MAINTENANCE);
	assert_true(order(STATE_DRAIN, 0, "b"));
	must_be_both(STATE_READY, STATE_DRAIN);
	assert_true(order(STATE_MAINTENANCE, 0, NULL));
	must_be_both(STATE_MAINTENANCE, STATE_MAINTENANCE);
	assert_int_equal(server.states.words.n, 1);
	assert_true(order(STATE_READY, 0, NULL));
	must_be_both(STATE_READY, STATE_READY);
	assert_null(said);
}

/* Listeners to come have the word for all, those that come back their own. */
static void
words_outlive_listeners(void **state)
{
	(void)state;
	order(STATE_DRAIN, 0, "b");
	reload_to(NULL);
	assert_int_equal(server.states.n_effects, 1);
	reload_to("");
	must_be_both(STATE_READY, STATE_DRAIN);
	reload_to(NULL);
	order(STATE_MAINTENANCE, 0, NULL);
	reload_to("");
	must_be_both(STATE_MAINTENANCE, STATE_MAINTENANCE);
}

/* Nothing of an order with one unknown listener is done. */
static void
an_unknown_listener_changes_nothing(void **state)
{
	struct state_order order = { .state = STATE_DRAIN,
		.listeners = { "a", "c" }, .n_listeners = 2 };
	struct state_result result;

	(void)state;
	states_order(&server, &order, &result);
	assert_false(result.ok);
	assert_string_equal(
	    result.text, "c: no such listener, nothing is changed");
	free(result.text);
	must_be_both(STATE_READY, STATE_READY);
	assert_int_equal(server.states.words.n, 0);
}

/* The greater of both holds, with its own end and reason; of two equal ones the
 * operator's.  The weight is the file's. */
static void
the_greater_of_word_and_file_holds(void **state)
{
	static const struct {
		enum state word, file, holds;
		bool is_word;
	} pairs[] = {
		{ STATE_READY, STATE_READY, STATE_READY, true },
		{ STATE_READY, STATE_DRAIN, STATE_DRAIN, false },
		{ STATE_READY, STATE_DOWN, STATE_DOWN, false },
		{ STATE_READY, STATE_MAINTENANCE, STATE_MAINTENANCE, false },
		{ STATE_DRAIN, STATE_READY, STATE_DRAIN, true },
		{ STATE_DRAIN, STATE_DRAIN, STATE_DRAIN, true },
		{ STATE_DRAIN, STATE_DOWN, STATE_DOWN, false },
		{ STATE_DRAIN, STATE_MAINTENANCE, STATE_MAINTENANCE, false },
		{ STATE_MAINTENANCE, STATE_READY, STATE_MAINTENANCE, true },
		{ STATE_MAINTENANCE, STATE_DOWN, STATE_MAINTENANCE, true },
	};
	struct health *health = &server.health.watches[1].now;
	const struct listener_state *is = &server.service.states[1];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(pairs); i++) {
		*health = (struct health) { .state = pairs[i].file,
			.weight = 40, .reason = "file" };
		assert_true(order(pairs[i].word, TODAY + 9, "b"));
		must_be(1, pairs[i].holds, pairs[i].is_word ? TODAY + 9 : 0);
		assert_string_equal(
		    is->reason, pairs[i].is_word ? "why" : "file");
		assert_int_equal(is->weight, 40);
		must_be(0, STATE_READY, 0);
	}
}

/* "ready" takes the operator's word back, and no more. */
static void
ready_cannot_override_a_file(void **state)
{
	struct health_watch *watches = server.health.watches;

	(void)state;
	watches[0].now = (struct health) { .state = STATE_DOWN,
		.reason = "disk full" };
	watches[1].now = (struct health) { .state = STATE_DRAIN,
		.reason = "busy" };
	assert_true(order(STATE_MAINTENANCE, 0, NULL));
	assert_null(said);
	assert_true(order(STATE_READY, 0, "a"));
	assert_string_equal(said, "a: its health file says down (disk full)\n");
	must_be_both(STATE_DOWN, STATE_MAINTENANCE);
	assert_true(order(STATE_READY, 0, NULL));
	assert_string_equal(said, "a: its health file says down (disk full)\n"
				  "b: its health file says drain (busy)\n");
	must_be_both(STATE_DOWN, STATE_DRAIN);
}

/* A row is needed, and all are taken: one of a listener that there is not goes,
 * and never that of all. */
static void
words_of_listeners_that_are_there_are_kept(void **state)
{
	struct state_words *words = &server.states.words;
	size_t i;

	(void)state;
	order(STATE_DRAIN, 0, "a");
	words->list[1] = words->list[0];
	words->list[1].listener[0] = '\0';
	for (i = 2; i < STATE_WORDS_MAX; i++) {
		words->list[i] = words->list[0];
		snprintf(words->list[i].listener, CONF_NAME_MAX, "x%zu", i);
	}
	words->n = STATE_WORDS_MAX;
	assert_true(order(STATE_MAINTENANCE, 0, "b"));
	must_be_both(STATE_DRAIN, STATE_MAINTENANCE);
	assert_int_equal(words->n, STATE_WORDS_MAX);
	assert_string_equal(words->list[0].listener, "a");
	assert_string_equal(words->list[1].listener, "");
}

/* ------------------------------------------------------------------ what is said */

static void
a_change_is_said_once(void **state)
{
	(void)state;
	order(STATE_DRAIN, TODAY + 60, NULL);
	assert_int_equal(logged_count("state"), 2);
	assert_string_equal(logged_last("state"),
	    "state listener=b state=drain until=1764108060 reason=why");
	order(STATE_DRAIN, TODAY + 60, "a");
	assert_int_equal(logged_count("state"), 2);
	order(STATE_DRAIN, 0, "a");
	assert_string_equal(
	    logged_last("state"), "state listener=a state=drain reason=why");
	reload_to("");
	assert_int_equal(logged_count("state"), 3);
}

/* But it is in force, for a balancer. */
static void
another_reason_is_no_news(void **state)
{
	struct health *health = &server.health.watches[0].now;

	(void)state;
	*health = (struct health) { .state = STATE_DOWN, .reason = "one" };
	states_apply(&server);
	assert_int_equal(logged_count("state"), 1);
	*health = (struct health) { .state = STATE_DOWN, .reason = "two" };
	states_apply(&server);
	assert_int_equal(logged_count("state"), 1);
	assert_string_equal(server.service.states[0].reason, "two");
}

/* --------------------------------------------------------------------------- time */

/* When it is over, what is below it counts. */
static void
a_word_ends(void **state)
{
	int64_t at;

	(void)state;
	assert_int_equal(states_wakeup(&server), CLOCK_NEVER);
	order(STATE_DRAIN, 0, NULL);
	assert_int_equal(states_wakeup(&server), CLOCK_NEVER);
	order(STATE_MAINTENANCE, TODAY + 5, "b");
	at = states_wakeup(&server);
	assert_in_range(at, clock_now() + 4 * CLOCK_SECOND,
	    clock_now() + 5 * CLOCK_SECOND);
	today += 5;
	states_step(&server, at - 1);
	must_be(1, STATE_MAINTENANCE, TODAY + 5);
	states_step(&server, at);
	must_be_both(STATE_DRAIN, STATE_DRAIN);
	assert_string_equal(
	    logged_last("state"), "state listener=b state=drain reason=why");
	assert_int_equal(states_wakeup(&server), CLOCK_NEVER);
}

static void
the_nearest_end_counts(void **state)
{
	static const int64_t ends[][2] = { { 5, 20 }, { 20, 5 }, { 0, 5 },
		{ 5, 0 } };
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(ends); i++) {
		order(STATE_DRAIN,
		    ends[i][0] == 0 ? 0 : TODAY + ends[i][0], "a");
		order(STATE_DRAIN,
		    ends[i][1] == 0 ? 0 : TODAY + ends[i][1], "b");
		assert_in_range(states_wakeup(&server),
		    clock_now() + 4 * CLOCK_SECOND,
		    clock_now() + 5 * CLOCK_SECOND);
	}
}

/* People may set their clock: a word that ends is looked at now and then. */
static void
a_far_end_is_looked_at_in_between(void **state)
{
	int64_t at;

	(void)state;
	order(STATE_DRAIN, TODAY + 86400, "a");
	order(STATE_DRAIN, TODAY + 86000, "b");
	at = states_wakeup(&server);
	assert_in_range(at, clock_now() + LOOK - CLOCK_SECOND,
	    clock_now() + LOOK);
	states_step(&server, at);
	assert_int_equal(states_wakeup(&server), at + LOOK);
	must_be_both(STATE_DRAIN, STATE_DRAIN);
	today += 86399;
	states_step(&server, at + LOOK);
	must_be_both(STATE_DRAIN, STATE_READY);
	today++;
	states_step(&server, at + 2 * LOOK);
	must_be_both(STATE_READY, STATE_READY);
}

/* Before the first commit there is nothing that could change. */
static void
nothing_ends_before_there_is_service(void **state)
{
	(void)state;
	order(STATE_DRAIN, TODAY + 1, "a");
	server.ready = false;
	assert_int_equal(states_wakeup(&server), CLOCK_NEVER);
	today += 5;
	states_step(&server, CLOCK_NEVER);
	must_be_both(STATE_DRAIN, STATE_READY);
	server.ready = true;
}

/* --------------------------------------------------------------------------- file */

/* What the next daemon finds: the words, but for those that are over. */
static void
words_are_kept(void **state)
{
	const char *path = file_of("kept");

	(void)state;
	begin_states(path);
	assert_true(order(STATE_DRAIN, TODAY + 90, "a"));
	assert_true(order(STATE_MAINTENANCE, TODAY + 10, "b"));
	free((char *)(uintptr_t)server.states.path);
	begin_states(path);
	assert_int_equal(server.states.words.n, 2);
	states_apply(&server);
	must_be(0, STATE_DRAIN, TODAY + 90);
	must_be(1, STATE_MAINTENANCE, TODAY + 10);
	assert_string_equal(server.service.states[1].reason, "why");
	today += 10;
	free((char *)(uintptr_t)server.states.path);
	begin_states(path);
	states_apply(&server);
	must_be_both(STATE_DRAIN, STATE_READY);
}

/* The file follows. */
static void
a_word_that_ended_is_not_kept(void **state)
{
	static struct state_words words;
	const char *path = file_of("ended"), *why;

	(void)state;
	begin_states(path);
	order(STATE_DRAIN, TODAY + 5, "a");
	assert_int_equal(state_file_read(path, &words, &why), STATE_FILE_GOOD);
	assert_int_equal(words.n, 1);
	today += 5;
	states_step(&server, states_wakeup(&server));
	assert_int_equal(state_file_read(path, &words, &why), STATE_FILE_GOOD);
	assert_int_equal(words.n, 0);
}

/* With a file whose directory has gone; returns what is said of it. */
static const char *
begin_states_nowhere(void)
{
	static char want[1024];
	const char *folder = file_of("folder");
	char path[512];

	assert_int_equal(mkdir(folder, 0700), 0);
	snprintf(path, sizeof(path), "%s/state", folder);
	begin_states(path);
	assert_int_equal(unlink(strcat(path, ".lock")), 0);
	assert_int_equal(rmdir(folder), 0);
	snprintf(want, sizeof(want), "in force, but not kept over a restart: "
	    "%s/state: create: No such file or directory", folder);
	return want;
}

static void
what_cannot_be_kept_is_in_force(void **state)
{
	const char *want = begin_states_nowhere();

	(void)state;
	assert_false(order(STATE_DRAIN, 0, NULL));
	must_be_both(STATE_DRAIN, STATE_DRAIN);
	assert_string_equal(said, want);
	server.health.watches[0].now.state = STATE_DOWN;
	assert_false(order(STATE_READY, 0, NULL));
	must_be_both(STATE_DOWN, STATE_READY);
	assert_string_equal(said, want);
}

static void
an_end_that_cannot_be_kept_is_warned_of(void **state)
{
	const char *want = begin_states_nowhere();

	(void)state;
	order(STATE_DRAIN, TODAY + 5, "a");
	order(STATE_DRAIN, TODAY + 6, "b");
	today += 5;
	states_step(&server, states_wakeup(&server));
	assert_int_equal(strncmp(warned, "state: ", 7), 0);
	assert_string_equal(warned + 7, want);
	must_be_both(STATE_READY, STATE_DRAIN);
	no_memory = true;
	today++;
	states_step(&server, states_wakeup(&server));
	assert_string_equal(warned, "state: out of memory");
	must_be_both(STATE_READY, STATE_READY);
}

/* Only the text is missing. */
static void
an_order_is_obeyed_without_memory(void **state)
{
	(void)state;
	begin_states_nowhere();
	server.health.watches[0].now.state = STATE_DOWN;
	no_memory = true;
	assert_false(order(STATE_DRAIN, 0, "c"));
	assert_null(said);
	must_be_both(STATE_READY, STATE_READY);
	assert_false(order(STATE_DRAIN, 0, NULL));
	assert_null(said);
	must_be_both(STATE_DOWN, STATE_DRAIN);
	free((char *)(uintptr_t)server.states.path);
	begin_states("");
	assert_true(order(STATE_READY, 0, NULL));
	assert_null(said);
	must_be_both(STATE_DOWN, STATE_READY);
}

/* It is there to be looked at, and all are ready. */
static void
a_damaged_file_says_nothing(void **state)
{
	const char *path = file_of("damaged");
	char aside[512];

	(void)state;
	confs_write("damaged", "drain all\n", 10);
	begin_states(path);
	assert_int_equal(server.states.words.n, 0);
	assert_int_equal(logged_count("state file"), 1);
	assert_non_null(strstr(logged_last("state file"), "kept=as .damaged"));
	snprintf(aside, sizeof(aside), "%s.damaged", path);
	assert_int_equal(access(aside, F_OK), 0);
	assert_int_equal(access(path, F_OK), -1);
}

static int
teardown_group(void **state)
{
	free(said);
	return confs_teardown(state);
}

#define TEST(name) \
	cmocka_unit_test_setup_teardown(name, setup_states, teardown_states)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_latest_word_counts),
		TEST(words_outlive_listeners),
		TEST(an_unknown_listener_changes_nothing),
		TEST(the_greater_of_word_and_file_holds),
		TEST(ready_cannot_override_a_file),
		TEST(words_of_listeners_that_are_there_are_kept),
		TEST(a_change_is_said_once),
		TEST(another_reason_is_no_news),
		TEST(a_word_ends),
		TEST(the_nearest_end_counts),
		TEST(a_far_end_is_looked_at_in_between),
		TEST(nothing_ends_before_there_is_service),
		TEST(words_are_kept),
		TEST(a_word_that_ended_is_not_kept),
		TEST(what_cannot_be_kept_is_in_force),
		TEST(an_end_that_cannot_be_kept_is_warned_of),
		TEST(an_order_is_obeyed_without_memory),
		TEST(a_damaged_file_says_nothing),
	};

	return cmocka_run_group_tests_name(
	    "states", tests, confs_setup, teardown_group);
}
