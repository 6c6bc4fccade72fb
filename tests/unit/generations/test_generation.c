/* The next generation: a candidate's trial, the standby, and the pace when
 * spawners fail or are used up. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "master/generations/generation.h"
#include "master/generations/snapshot.h"
#include "master/generations/spawners.h"
#include "master/generations/strays.h"
#include "master/generations/trial.h"
#include "master/system/clock.h"
#include "unit/logged.h"

#define INTERVAL (STANDBY_INTERVAL_MS * CLOCK_MS)
#define TRIAL (SPAWNER_TRIAL_MS * CLOCK_MS)

static struct spawners spawners;
static struct generation generation;
static const struct snapshot running = { -1, NULL, 0 };
static const struct snapshot wanted = { -2, NULL, 0 };
static int64_t now;

/* Trials, as trial.c and spawners.c would have them. */
static enum trial_result candidate_is, next_is;
static bool no_spawner; /* none can be started */
static bool current_fails; /* its clients */
static const struct snapshot *tried; /* the last one */
static size_t starts, purges;
static int64_t strays_at, groups_at;
static uint64_t used_up;

int __wrap_trial_start(struct spawners *of, struct trial *trial,
    const struct snapshot *snapshot, int64_t when);
enum trial_result __wrap_trial_check(
    struct spawners *of, struct trial *trial, int64_t when);
void __wrap_trial_abandon(struct spawners *of, struct trial *trial);
void __wrap_spawners_stand_by(struct spawners *of, struct trial *trial);
void __wrap_spawners_succeed(struct spawners *of, int64_t when);
void __wrap_spawners_promote(struct spawners *of, struct trial *trial,
    enum spawner_reason reason, int64_t when);
bool __wrap_spawners_replace_failing(struct spawners *of, int64_t when);
bool __wrap_spawners_use_up(
    struct spawners *of, uint64_t number, int64_t when);
void __wrap_strays_step(struct spawners *of, int64_t when);
int64_t __wrap_strays_wakeup(const struct spawners *of);
int64_t __wrap_groups_wakeup(const struct groups *groups);
uint32_t __wrap_groups_purge(struct groups *groups);

int
__wrap_trial_start(struct spawners *of, struct trial *trial,
    const struct snapshot *snapshot, int64_t when)
{
	assert_int_equal(trial->index, -1);
	starts++;
	tried = snapshot;
	if (no_spawner) {
		snprintf(trial->failure, sizeof(trial->failure), "no spawner");
		return -1;
	}
	trial->index = trial == &of->candidate ? 1 : 2;
	of->list[trial->index].deadline = when + TRIAL;
	return 0;
}

enum trial_result
__wrap_trial_check(struct spawners *of, struct trial *trial, int64_t when)
{
	enum trial_result result =
	    trial == &of->candidate ? candidate_is : next_is;

	(void)when;
	assert_int_not_equal(trial->index, -1);
	if (result == TRIAL_FAILED)
		trial->index = -1;
	return result;
}

void
__wrap_trial_abandon(struct spawners *of, struct trial *trial)
{
	(void)of;
	trial->index = -1;
}

void
__wrap_spawners_stand_by(struct spawners *of, struct trial *trial)
{
	assert_int_equal(of->standby, -1);
	of->standby = trial->index;
	trial->index = -1;
}

void
__wrap_spawners_succeed(struct spawners *of, int64_t when)
{
	(void)when;
	if (of->current != -1 || of->standby == -1)
		return;
	of->current = of->standby;
	of->standby = -1;
	of->generation++;
}

void
__wrap_spawners_promote(struct spawners *of, struct trial *trial,
    enum spawner_reason reason, int64_t when)
{
	(void)when;
	assert_int_equal(reason, SPAWNER_RELOAD);
	assert_ptr_equal(trial, &of->candidate);
	of->current = trial->index;
	of->standby = of->next.index = trial->index = -1;
	of->generation++;
}

bool
__wrap_spawners_replace_failing(struct spawners *of, int64_t when)
{
	assert_int_equal(when, now);
	if (!current_fails)
		return false;
	of->current = of->standby;
	of->standby = -1;
	return true;
}

bool
__wrap_spawners_use_up(struct spawners *of, uint64_t number, int64_t when)
{
	assert_int_equal(when, now);
	used_up = number;
	of->current = -1;
	spawners_succeed(of, when);
	return true;
}

void
__wrap_strays_step(struct spawners *of, int64_t when)
{
	(void)of;
	assert_int_equal(when, now);
}

int64_t
__wrap_strays_wakeup(const struct spawners *of)
{
	(void)of;
	return strays_at;
}

int64_t
__wrap_groups_wakeup(const struct groups *groups)
{
	(void)groups;
	return groups_at;
}

uint32_t
__wrap_groups_purge(struct groups *groups)
{
	(void)groups;
	purges++;
	return 0;
}

/* Nothing serves yet. */
static int
setup(void **state)
{
	(void)state;
	memset(&spawners, 0, sizeof(spawners));
	spawners.current = spawners.standby = -1;
	spawners.candidate.index = spawners.next.index = -1;
	generation = (struct generation) { .spawners = &spawners };
	now = 1000 * CLOCK_SECOND;
	candidate_is = next_is = TRIAL_RUNNING;
	no_spawner = current_fails = false;
	tried = NULL;
	starts = purges = 0;
	strays_at = groups_at = CLOCK_NEVER;
	logged_clear();
	return 0;
}

static enum generation_event
step(void)
{
	return generation_step(&generation, &running, now);
}

/* The first generation serves. */
static void
serve(void)
{
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	generation_commit(&generation, SPAWNER_RELOAD, now);
	starts = 0;
}

/* It serves, and the next one is ready. */
static void
serve_with_standby(void)
{
	serve();
	step();
	next_is = TRIAL_PASSED;
	step();
	assert_int_equal(spawners.standby, 2);
	next_is = TRIAL_RUNNING;
	starts = 0;
}

static void
a_candidate_passes(void **state)
{
	(void)state;
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	assert_ptr_equal(tried, &wanted);
	assert_true(generation_is_trying(&generation));
	assert_int_equal(
	    generation_step(&generation, NULL, now), GENERATION_QUIET);
	candidate_is = TRIAL_PASSED;
	assert_int_equal(
	    generation_step(&generation, NULL, now), GENERATION_PASSED);
	assert_int_equal(spawners.current, -1); /* not before the commit */
	generation_commit(&generation, SPAWNER_RELOAD, now);
	assert_false(generation_is_trying(&generation));
	assert_int_equal(spawners.current, 1);
	assert_int_equal(starts, 1); /* nothing runs yet that needs another */
}

/* After an upgrade, whose generations are counted on. */
static void
nothing_is_due_while_the_first_one_is_tried(void **state)
{
	(void)state;
	spawners.generation = 7;
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	assert_int_equal(
	    generation_step(&generation, NULL, now), GENERATION_QUIET);
	assert_int_equal(generation_wakeup(&generation, NULL), now + TRIAL);
}

static void
a_candidate_fails(void **state)
{
	(void)state;
	serve_with_standby();
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	candidate_is = TRIAL_FAILED;
	snprintf(spawners.candidate.failure,
	    sizeof(spawners.candidate.failure), "why");
	assert_int_equal(step(), GENERATION_FAILED);
	assert_string_equal(generation_failure(&generation), "why");
	assert_false(generation_is_trying(&generation));
	assert_int_equal(step(), GENERATION_QUIET);
	assert_int_equal(logged_count("spawner failed"), 0);
	assert_int_equal(spawners.standby, 2);
}

static void
a_candidate_cannot_begin(void **state)
{
	(void)state;
	no_spawner = true;
	assert_int_equal(generation_try(&generation, &wanted, now), -1);
	assert_string_equal(generation_failure(&generation), "no spawner");
	assert_false(generation_is_trying(&generation));
}

static void
a_candidate_is_abandoned(void **state)
{
	(void)state;
	serve();
	step(); /* the next one of the running setup is on trial too */
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	generation_abandon(&generation);
	assert_false(generation_is_trying(&generation));
	assert_int_equal(spawners.next.index, 2);
}

static void
the_next_one_is_tried_before_it_is_needed(void **state)
{
	(void)state;
	assert_int_equal(generation_wakeup(&generation, NULL), CLOCK_NEVER);
	serve();
	assert_true(generation_wakeup(&generation, &running) <= now);
	assert_int_equal(step(), GENERATION_QUIET);
	assert_ptr_equal(tried, &running);
	assert_int_equal(spawners.next.index, 2);
	assert_int_equal(generation_wakeup(&generation, &running), now + TRIAL);
	next_is = TRIAL_PASSED;
	step();
	assert_int_equal(spawners.standby, 2);
	assert_int_equal(spawners.current, 1);
	now += CLOCK_SECOND;
	step();
	assert_int_equal(starts, 1);
	assert_int_equal(generation_wakeup(&generation, &running), CLOCK_NEVER);
}

/* The standby takes its place, and the next one is started, not too soon. */
static void
a_crash_uses_a_generation_up(void **state)
{
	int64_t begun = 1000 * CLOCK_SECOND;

	(void)state;
	serve_with_standby();
	now += 10 * CLOCK_MS;
	generation_crashed(&generation, 1, now);
	assert_int_equal(used_up, 1);
	assert_int_equal(spawners.current, 2);
	assert_int_equal(generation_wakeup(&generation, &running), begun + INTERVAL);
	now = begun + INTERVAL - 1;
	step();
	assert_int_equal(starts, 0);
	now++;
	step();
	assert_int_equal(starts, 1);
}

/* Trials take a fourth of a processor at most. */
static void
dear_trials_are_further_apart(void **state)
{
	int64_t begun = 1000 * CLOCK_SECOND;

	(void)state;
	spawners.next.cpu_us = CLOCK_SECOND;
	serve_with_standby();
	generation_crashed(&generation, 1, now);
	assert_int_equal(
	    generation_wakeup(&generation, &running), begun + 4 * CLOCK_SECOND);
	now = begun + 4 * CLOCK_SECOND - 1;
	step();
	assert_int_equal(starts, 0);
	now++;
	step();
	assert_int_equal(starts, 1);
}

/* It would be of the old configuration; but somebody must serve meanwhile. */
static void
no_standby_is_tried_beside_a_candidate(void **state)
{
	(void)state;
	serve();
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	starts = 0;
	step();
	assert_int_equal(starts, 0);
	assert_int_equal(generation_wakeup(&generation, &running), now + TRIAL);
	spawners.current = -1;
	step();
	assert_int_equal(starts, 1);
	assert_ptr_equal(tried, &running);
	next_is = TRIAL_PASSED;
	step();
	assert_int_equal(spawners.current, 2);
	assert_true(generation_is_trying(&generation));
}

/* A candidate on trial does not hide it: what can be spared is freed. */
static void
starving_is_told_beside_a_candidate(void **state)
{
	(void)state;
	serve();
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	spawners.current = -1;
	no_spawner = true;
	assert_int_equal(step(), GENERATION_STARVED);
	assert_true(generation_is_trying(&generation));
	candidate_is = TRIAL_PASSED;
	assert_int_equal(step(), GENERATION_PASSED);
}

/* Longer and longer, up to half a second; said once in ten. */
static void
failures_are_not_hurried(void **state)
{
	static const int64_t delays[] = { 100, 200, 400, 500, 500 };
	size_t i;

	(void)state;
	serve();
	spawners.current = -1;
	no_spawner = true;
	for (i = 0; i < sizeof(delays) / sizeof(delays[0]); i++) {
		assert_int_equal(step(), GENERATION_STARVED);
		assert_int_equal(purges, i + 1);
		assert_int_equal(generation_wakeup(&generation, &running),
		    now + delays[i] * CLOCK_MS);
		now += delays[i] * CLOCK_MS - 1;
		assert_int_equal(step(), GENERATION_QUIET);
		now++;
	}
	assert_int_equal(starts, i);
	assert_string_equal(logged_last("spawner failed"),
	    "spawner failed suppressed=0 error=no spawner");
	assert_int_equal(logged_count("spawner failed"), 1);
	no_spawner = false;
	step();
	next_is = TRIAL_FAILED; /* a trial that fails is no better */
	assert_int_equal(step(), GENERATION_STARVED);
	now += 500 * CLOCK_MS;
	step();
	next_is = TRIAL_PASSED;
	assert_int_equal(step(), GENERATION_QUIET);
	assert_int_equal(spawners.current, 2);
	now += 10 * CLOCK_SECOND;
	no_spawner = true;
	assert_int_equal(step(), GENERATION_STARVED);
	assert_int_equal(
	    generation_wakeup(&generation, &running), now + 100 * CLOCK_MS);
	assert_string_equal(logged_last("spawner failed"),
	    "spawner failed suppressed=5 error=no spawner");
}

/* It gives way to the standby.  Without one it stays while one is on trial, for
 * that may pass, but not when none can be started: perhaps because of it. */
static void
one_that_fails_gives_way(void **state)
{
	(void)state;
	serve_with_standby();
	current_fails = true;
	step();
	assert_int_equal(spawners.current, 2);
	assert_int_equal(spawners.standby, -1);
	now += CLOCK_SECOND;
	step();
	assert_int_equal(spawners.current, 2);
	assert_int_equal(spawners.next.index, 2);
	next_is = TRIAL_FAILED;
	assert_int_equal(step(), GENERATION_STARVED);
	assert_int_equal(spawners.current, 2);
	no_spawner = true;
	starts = 0;
	assert_int_equal(step(), GENERATION_STARVED); /* at once */
	assert_int_equal(starts, 1);
	assert_int_equal(spawners.current, -1);
	assert_int_equal(
	    generation_wakeup(&generation, &running), now + 100 * CLOCK_MS);
}

static void
the_nearest_deadline_counts(void **state)
{
	(void)state;
	serve_with_standby();
	strays_at = now + 7;
	assert_int_equal(generation_wakeup(&generation, &running), now + 7);
	groups_at = now + 5;
	assert_int_equal(generation_wakeup(&generation, &running), now + 5);
	strays_at = groups_at = CLOCK_NEVER;
	assert_int_equal(generation_try(&generation, &wanted, now), 0);
	assert_int_equal(generation_wakeup(&generation, &running), now + TRIAL);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_candidate_passes, setup),
		cmocka_unit_test_setup(
		    nothing_is_due_while_the_first_one_is_tried, setup),
		cmocka_unit_test_setup(a_candidate_fails, setup),
		cmocka_unit_test_setup(a_candidate_cannot_begin, setup),
		cmocka_unit_test_setup(a_candidate_is_abandoned, setup),
		cmocka_unit_test_setup(
		    the_next_one_is_tried_before_it_is_needed, setup),
		cmocka_unit_test_setup(a_crash_uses_a_generation_up, setup),
		cmocka_unit_test_setup(dear_trials_are_further_apart, setup),
		cmocka_unit_test_setup(
		    no_standby_is_tried_beside_a_candidate, setup),
		cmocka_unit_test_setup(one_that_fails_gives_way, setup),
		cmocka_unit_test_setup(
		    starving_is_told_beside_a_candidate, setup),
		cmocka_unit_test_setup(failures_are_not_hurried, setup),
		cmocka_unit_test_setup(the_nearest_deadline_counts, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
