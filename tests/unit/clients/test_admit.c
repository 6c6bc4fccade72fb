/* Who is let in, case by case: master/clients/admit.c, with a clock of its own. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "unit/confs.h"
#include "master/clients/admit.h"
#include "master/clients/levels.h"

#define SECOND INT64_C(1000000)

static struct admit *admit;
static struct conf *conf;
static int64_t now;
static const uint32_t rows[] = { 5, 3, 9 };

static int
setup(void **state)
{
	(void)state;
	admit = malloc(sizeof(*admit));
	now = 77 * SECOND;
	return admit_init(admit);
}

static int
teardown(void **state)
{
	(void)state;
	admit_free(admit);
	free(admit);
	free(conf);
	conf = NULL;
	return 0;
}

static void
configure(const char *text)
{
	struct conf *fresh = confs_must_load(text);

	admit_configure(admit, fresh, rows, now);
	free(conf);
	conf = fresh;
}

/* One listener with these limits, and that in it. */
static const char *
one(const char *limits, const char *listener)
{
	static char text[1024];

	snprintf(text, sizeof(text),
	    "limits = { %s };\nlisteners = ( { name = \"a\"; %s } );", limits,
	    listener);
	return text;
}

static struct addr
peer(const char *text)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	addr.port = 4711;
	return addr;
}

static struct admit_verdict
ask(uint32_t listener, const char *text)
{
	struct addr addr = peer(text);

	return admit_decide(admit, listener, &addr, NULL, now);
}

static uint32_t
must_pass(const char *text)
{
	struct admit_verdict verdict = ask(0, text);

	if (!verdict.allowed)
		fail_msg("%s: %s", text, refusal_name(verdict.reason));
	return verdict.source;
}

static struct admit_verdict
must_fail(const char *text, enum refusal reason)
{
	struct admit_verdict verdict = ask(0, text);

	if (verdict.allowed)
		fail_msg("%s is let in", text);
	assert_string_equal(
	    refusal_name(verdict.reason), refusal_name(reason));
	assert_int_equal(verdict.source, ADMIT_NO_SOURCE);
	return verdict;
}

/* ------------------------------------------------------------------- per source */

static void
cap_per_source(void **state)
{
	struct admit_verdict verdict;
	uint32_t source;

	(void)state;
	configure(one("max_clients_per_source = 2;", ""));
	source = must_pass("192.0.2.1");
	assert_int_equal(must_pass("192.0.2.1"), source);
	verdict = must_fail("192.0.2.1", REFUSAL_BUSY_PER_SOURCE);
	assert_int_equal(verdict.limit, 2);
	assert_int_equal(verdict.retry_after, 1);
	must_pass("192.0.2.2");
	admit_release(admit, 0, source);
	must_pass("192.0.2.1");
	must_fail("192.0.2.1", REFUSAL_BUSY_PER_SOURCE);
	admit_release(admit, 0, source);
	admit_release(admit, 0, source);
	assert_int_equal(admit->sources.n_live, 1);
	assert_int_equal(admit->sources.n_idle, 0);
}

static void
default_cap(void **state)
{
	unsigned i;

	(void)state;
	configure("");
	for (i = 0; i < 64; i++)
		must_pass("192.0.2.1");
	must_fail("192.0.2.1", REFUSAL_BUSY_PER_SOURCE);
}

static void
prefixes(void **state)
{
	(void)state;
	configure(one("max_clients_per_source = 1;", ""));
	must_pass("2001:db8:1:2::1");
	must_fail("2001:db8:1:2:ffff::1", REFUSAL_BUSY_PER_SOURCE);
	must_pass("2001:db8:1:3::1");
	configure(one("max_clients_per_source = 1; ipv4_prefix = 24; "
		      "ipv6_prefix = 48;", ""));
	must_pass("2001:db8:1:2::1");
	must_fail("2001:db8:1:3::1", REFUSAL_BUSY_PER_SOURCE);
	must_pass("192.0.2.1");
	must_fail("192.0.2.2", REFUSAL_BUSY_PER_SOURCE);
	must_pass("192.0.3.2");
}

/* Whatever the prefixes are. */
static void
users_are_sources(void **state)
{
	struct addr one_user = addr_of_peer(1, 9), other = addr_of_peer(2, 9);

	(void)state;
	configure(one("max_clients_per_source = 1; ipv6_prefix = 16;", ""));
	assert_true(admit_decide(admit, 0, &one_user, NULL, now).allowed);
	assert_true(admit_decide(admit, 0, &other, NULL, now).allowed);
	assert_false(admit_decide(admit, 0, &other, NULL, now).allowed);
}

static void
mapped_and_scoped(void **state)
{
	struct sockaddr_storage storage = { 0 };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct addr addr = peer("fe80::1");

	(void)state;
	configure(one("max_clients_per_source = 1;", ""));
	must_pass("192.0.2.1");
	in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
	in6.sin6_addr.s6_addr[12] = 192;
	in6.sin6_addr.s6_addr[14] = 2;
	in6.sin6_addr.s6_addr[15] = 1;
	memcpy(&storage, &in6, sizeof(in6));
	addr_from_sockaddr(&addr, &storage);
	assert_int_equal(admit_decide(admit, 0, &addr, NULL, now).reason,
	    REFUSAL_BUSY_PER_SOURCE);
	addr = peer("fe80::1");
	addr.scope = 1;
	assert_true(admit_decide(admit, 0, &addr, NULL, now).allowed);
	addr.scope = 2;
	assert_int_equal(admit_decide(admit, 0, &addr, NULL, now).reason,
	    REFUSAL_BUSY_PER_SOURCE);
}

static void
rate_per_source(void **state)
{
	struct admit_verdict verdict;
	uint32_t source;

	(void)state;
	configure(one("max_clients_per_source = 0; rate_per_source = 0.4; "
		      "burst_per_source = 2;", ""));
	source = must_pass("::1");
	must_pass("::1");
	verdict = must_fail("::1", REFUSAL_RATE_PER_SOURCE);
	assert_int_equal(verdict.limit, 1);
	assert_int_equal(verdict.retry_after, 3);
	must_pass("192.0.2.1");
	/* The end of the clients gives nothing back. */
	admit_release(admit, 0, source);
	admit_release(admit, 0, source);
	must_fail("::1", REFUSAL_RATE_PER_SOURCE);
	now += 1500000;
	assert_int_equal(
	    must_fail("::1", REFUSAL_RATE_PER_SOURCE).retry_after, 1);
	now += 1000000;
	must_pass("::1");
	must_fail("::1", REFUSAL_RATE_PER_SOURCE);
}

/* ------------------------------------------------------------------------ rates */

static void
rates_in_all(void **state)
{
	struct admit_verdict verdict;
	struct addr addr = peer("::1");

	(void)state;
	configure("limits = { rate = 3; };\n"
		  "listeners = ( { name = \"a\"; limits = { rate = 1; burst = "
		  "2; }; }, { name = \"b\"; port = 1; } );");
	must_pass("::1");
	must_pass("::1");
	verdict = must_fail("::1", REFUSAL_RATE);
	assert_int_equal(verdict.limit, 1);
	/* The listener's refusal has taken nothing from the daemon. */
	assert_true(admit_decide(admit, 1, &addr, NULL, now).allowed);
	verdict = admit_decide(admit, 1, &addr, NULL, now);
	assert_int_equal(verdict.reason, REFUSAL_RATE);
	assert_int_equal(verdict.limit, 3);
	now += SECOND;
	must_pass("::1");
	must_fail("::1", REFUSAL_RATE);
}

/* A source beyond its own limits does not use up what is there for all. */
static void
fair(void **state)
{
	unsigned i, passed = 0, others = 0;
	char text[32];

	(void)state;
	configure(one("max_clients_per_source = 0; rate = 50; "
		      "rate_per_source = 5;", ""));
	for (i = 0; i < 20000; i++) {
		now += SECOND / 200;
		passed += ask(0, "192.0.2.66").allowed;
		if (i % 10 != 0)
			continue;
		snprintf(text, sizeof(text), "198.51.100.%u", i / 10 % 200);
		others += ask(0, text).allowed;
	}
	assert_int_equal(others, 2000); /* 20 a second, all of them */
	assert_in_range(passed, 500, 506);
}

/* ----------------------------------------------------------------- rules, exempt */

static void
first_match_wins(void **state)
{
	static const struct {
		const char *address;
		bool allowed;
		bool own_text;
		uint32_t session;
	} cases[] = {
		{ "192.0.2.1", false, true, STATE_COUNT },
		{ "192.0.2.2", true, false, 0 },
		{ "198.51.100.1", true, true, STATE_COUNT + 1 },
		{ "203.0.113.1", true, false, 0 },
		{ "2001:db8::1", false, false, 0 },
		{ "2001:db9::1", true, false, 0 },
	};
	struct admit_verdict verdict;
	uint32_t session;
	struct addr addr;
	size_t i;

	(void)state;
	configure(one("max_clients_per_source = 9;",
	    "rules = ( { from = \"192.0.2.1\"; action = \"deny\"; "
	    "greeting = \"no\"; }, { from = \"192.0.2.0/24\"; action = "
	    "\"allow\"; }, { from = ( \"198.51.100.0/24\", \"::1\" ); action "
	    "= \"allow\"; greeting = \"own\"; }, { from = ( \"2001:db8::/32\","
	    " \"198.51.100.1\" ); action = \"deny\"; } );"));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		verdict = ask(0, cases[i].address);
		assert_int_equal(verdict.allowed, cases[i].allowed);
		assert_int_equal(verdict.own_text, cases[i].own_text);
		assert_int_equal(verdict.session, cases[i].session);
		addr = peer(cases[i].address);
		assert_int_equal(admit_session(admit, 0, &addr),
		    cases[i].allowed ? cases[i].session : 0);
		session = 99;
		assert_int_equal(admit_denial(admit, 0, &addr, &session),
		    !cases[i].allowed && cases[i].own_text);
		assert_int_equal(session,
		    !cases[i].allowed && cases[i].own_text ?
			cases[i].session : 99);
		if (cases[i].allowed)
			continue;
		assert_int_equal(verdict.reason, REFUSAL_DENIED);
		assert_int_equal(verdict.retry_after, 0);
	}
}

/* A rule without a greeting of its own leaves that of its listener. */
static void
an_allowed_client_has_the_listeners_greeting(void **state)
{
	struct addr addr = peer("192.0.2.1");

	(void)state;
	configure("listeners = ( { name = \"a\"; }, { name = \"b\"; port = 1; "
		  "rules = ( { from = \"192.0.2.1\"; action = \"allow\"; } "
		  "); } );");
	assert_int_equal(admit_session(admit, 1, &addr), STATE_COUNT);
	assert_int_equal(ask(1, "192.0.2.1").session, STATE_COUNT);
}

/* There is nothing about a source that has no limit of its own. */
static void
who_has_no_limit_is_not_counted(void **state)
{
	(void)state;
	configure(one("max_clients_per_source = 0; rate = 9;", ""));
	assert_int_equal(must_pass("192.0.2.1"), ADMIT_NO_SOURCE);
	assert_int_equal(admit->sources.n_live, 0);
}

static void
exempt(void **state)
{
	struct addr addr = peer("10.1.2.3");
	unsigned i;

	(void)state;
	configure(one("max_clients_per_source = 1; rate = 1; "
		      "rate_per_source = 1; exempt = \"10.0.0.0/8\";",
	    "rules = ( { from = \"10.9.9.9\"; action = \"deny\"; } );"));
	for (i = 0; i < 100; i++)
		assert_int_equal(must_pass("10.1.2.3"), ADMIT_NO_SOURCE);
	must_fail("10.9.9.9", REFUSAL_DENIED);
	must_pass("11.0.0.1"); /* they have taken nothing */
	must_fail("11.0.0.2", REFUSAL_RATE);
	assert_int_equal(
	    admit_restore(admit, 0, &addr, now), ADMIT_NO_SOURCE);
	assert_int_equal(
	    admit_decide(admit, 0, &addr, &conf->limits, now).reason,
	    REFUSAL_BUSY);
}

static void
order_of_reasons(void **state)
{
	struct addr addr = peer("192.0.2.1"), bad = peer("192.0.2.9");
	struct admit_verdict verdict;
	uint32_t source;

	(void)state;
	configure(one("max_clients = 7; max_clients_per_source = 1; rate = 1; "
		      "rate_per_source = 0.5;",
	    "rules = ( { from = \"192.0.2.9\"; action = \"deny\"; } );"));
	source = must_pass("192.0.2.1");
	verdict = admit_decide(admit, 0, &bad, &conf->limits, now);
	assert_int_equal(verdict.reason, REFUSAL_DENIED);
	verdict = admit_decide(admit, 0, &addr, &conf->limits, now);
	assert_int_equal(verdict.reason, REFUSAL_BUSY);
	assert_int_equal(verdict.limit, 7);
	must_fail("192.0.2.1", REFUSAL_BUSY_PER_SOURCE);
	admit_release(admit, 0, source);
	must_fail("192.0.2.1", REFUSAL_RATE_PER_SOURCE);
	must_fail("192.0.2.2", REFUSAL_RATE);
}

static void
full(void **state)
{
	(void)state;
	configure("limits = { max_clients = 4; };\nlisteners = ( { name = "
		  "\"a\"; limits = { max_clients = 2; }; } );");
	assert_null(admit_full(admit, 0, 3, 1));
	assert_ptr_equal(admit_full(admit, 0, 3, 2),
	    &conf->listener[0].limits);
	assert_ptr_equal(admit_full(admit, 0, 4, 1), &conf->limits);
	assert_ptr_equal(admit_full(admit, 0, 5, 3), &conf->limits);
}

/* --------------------------------------------------------------------- reloads */

static void
reload_keeps_buckets(void **state)
{
	struct addr addr = peer("::1");

	(void)state;
	configure(one("rate = 10; rate_per_source = 1; burst_per_source = 2; "
		      "burst = 7;", ""));
	must_pass("1.0.0.9");
	must_pass("1.0.0.9");
	admit_release(admit, 0, must_pass("::1"));
	must_pass("::1");
	must_fail("::1", REFUSAL_RATE_PER_SOURCE);
	/* A reload is no way to a fresh burst... */
	configure(one("rate = 10; rate_per_source = 0.5; burst_per_source = "
		      "9; burst = 7;", ""));
	assert_int_not_equal(
	    admit_restore(admit, 0, &addr, now), ADMIT_NO_SOURCE);
	must_fail("::1", REFUSAL_RATE_PER_SOURCE);
	must_pass("1.0.0.1");
	must_pass("1.0.0.2");
	must_pass("1.0.0.3");
	must_fail("1.0.0.4", REFUSAL_RATE); /* 4 + 3 of the burst */
	now += 2 * SECOND;
	must_pass("::1");
	must_fail("::1", REFUSAL_RATE_PER_SOURCE);
	/* ... but another prefix makes other sources. */
	configure(one("rate_per_source = 0.5; burst_per_source = 2; "
		      "ipv6_prefix = 60;", ""));
	must_pass("::1");
	must_pass("::1");
	must_fail("::1", REFUSAL_RATE_PER_SOURCE);
	/* Not for IPv4, which has got 1 in 2 s. */
	must_pass("1.0.0.9");
	must_fail("1.0.0.9", REFUSAL_RATE_PER_SOURCE);
	configure(one("", ""));
	configure(one("rate_per_source = 0.5;", ""));
	must_pass("1.0.0.9");
}

/* So many at once, no more. */
static void
must_pass_just(unsigned n, enum refusal reason)
{
	while (n-- > 0)
		must_pass("192.0.2.1");
	must_fail("192.0.2.1", reason);
}

/* The time before a reload counts at the rate that was, full or not. */
static void
reload_keeps_what_ran_in(void **state)
{
	static const struct {
		const char *fast, *slow;
		enum refusal reason;
	} cases[] = {
		{ "rate = 50;", "rate = 0.5; burst = 90;", REFUSAL_RATE },
		{ "rate_per_source = 50;",
		    "rate_per_source = 0.5; burst_per_source = 90;",
		    REFUSAL_RATE_PER_SOURCE },
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		configure(one("", ""));
		configure(one(cases[i].fast, ""));
		must_pass_just(50, cases[i].reason);
		now += 3 * SECOND;
		configure(one(cases[i].slow, ""));
		must_pass_just(50, cases[i].reason);
		now += 4 * SECOND;
		configure(one(cases[i].fast, ""));
		must_pass_just(2, cases[i].reason);
		now += SECOND / 10;
		must_pass_just(5, cases[i].reason);
	}
}

static void
reload_recounts(void **state)
{
	struct addr addr = peer("192.0.2.1"), near = peer("192.0.2.2");

	(void)state;
	configure(one("max_clients_per_source = 2;", ""));
	must_pass("192.0.2.1");
	must_pass("192.0.2.2");
	configure(one("max_clients_per_source = 2; ipv4_prefix = 24;", ""));
	assert_int_equal(admit->sources.n_live, 0);
	assert_int_equal(admit_restore(admit, 0, &addr, now),
	    admit_restore(admit, 0, &near, now));
	assert_int_equal(admit->sources.n_live, 1);
	must_fail("192.0.2.3", REFUSAL_BUSY_PER_SOURCE);
	must_pass("192.0.3.3");
	/* More than may be: they stay. */
	configure(one("max_clients_per_source = 1; ipv4_prefix = 24;", ""));
	admit_restore(admit, 0, &addr, now);
	admit_release(admit, 0, admit_restore(admit, 0, &near, now));
	must_fail("192.0.2.3", REFUSAL_BUSY_PER_SOURCE);
	configure(one("max_clients_per_source = 0;", ""));
	assert_int_equal(
	    admit_restore(admit, 0, &addr, now), ADMIT_NO_SOURCE);
}

/* It begins with a full burst, whatever was before; one that goes leaves
 * nothing. */
static void
reload_brings_a_rate(void **state)
{
	(void)state;
	configure(one("rate = 2; burst = 2;", ""));
	must_pass_just(2, REFUSAL_RATE);
	configure(one("", ""));
	must_pass("192.0.2.1"); /* counted, without a bucket */
	configure(one("rate = 2; burst = 2;", ""));
	must_pass_just(2, REFUSAL_RATE);
	configure(one("", ""));
	must_pass("192.0.2.1");
	configure(one("rate_per_source = 2; burst_per_source = 2;", ""));
	must_pass_just(2, REFUSAL_RATE_PER_SOURCE);
	configure(one("", ""));
	assert_int_equal(admit->sources.n_idle, 0);
}

/* A listener is known by its row, wherever it stands. */
static void
reload_moves_listeners(void **state)
{
	static const uint32_t swapped[] = { 3, 5 };
	struct addr addr = peer("::1");
	struct conf *fresh = confs_must_load(
	    "limits = { rate_per_source = 1; };\nlisteners = ( "
	    "{ name = \"b\"; }, { name = \"a\"; port = 1; } );");

	(void)state;
	configure("limits = { rate_per_source = 1; };\nlisteners = ( "
		  "{ name = \"a\"; port = 1; }, { name = \"b\"; } );");
	must_pass("::1"); /* of "a", row 5 */
	admit_configure(admit, fresh, swapped, now);
	assert_true(admit_decide(admit, 0, &addr, NULL, now).allowed);
	assert_false(admit_decide(admit, 1, &addr, NULL, now).allowed);
	admit_configure(admit, conf, rows, now);
	free(fresh);
}

/* ----------------------------------------------------------------- taken over */

static const char *const limits = "rate = 3.0; burst = 7; "
    "rate_per_source = 0.5; burst_per_source = 3; "
    "max_clients_per_source = 5;";

/* Another process that is given the levels decides the same about the address,
 * as often as it is asked. */
static void
decides_the_same(const char *text)
{
	struct addr addr = peer(text);
	struct levels levels, again;
	struct admit_verdict mine, theirs;
	struct admit *other = malloc(sizeof(*other));
	int i;

	assert_int_equal(admit_init(other), 0);
	admit_configure(other, conf, rows, now);
	levels_take(&levels, admit, 0, &addr, now);
	levels_give(&levels, other, 0, &addr, now);
	levels_take(&again, other, 0, &addr, now);
	assert_memory_equal(&levels, &again, sizeof(levels));
	for (i = 0; i < 4; i++) {
		mine = admit_decide(admit, 0, &addr, NULL, now);
		theirs = admit_decide(other, 0, &addr, NULL, now);
		assert_int_equal(mine.allowed, theirs.allowed);
		assert_int_equal(mine.retry_after, theirs.retry_after);
		if (!mine.allowed)
			assert_int_equal(mine.reason, theirs.reason);
	}
	admit_free(other);
	free(other);
}

static void
levels_are_taken_over(void **state)
{
	struct addr addr = peer("192.0.2.1");
	struct levels levels;
	uint32_t source;

	(void)state;
	configure(one(limits, ""));
	levels_take(&levels, admit, 0, &addr, now);
	assert_int_equal(levels.clients, 0);
	assert_int_equal(levels.source, 3 * BUCKET_TOKEN);
	assert_int_equal(levels.listener, 7 * BUCKET_TOKEN);
	assert_int_equal(levels.daemon, 7 * BUCKET_TOKEN);
	source = must_pass("192.0.2.1");
	must_pass("192.0.2.1");
	admit_release(admit, 0, source);
	now += SECOND / 5;
	levels_take(&levels, admit, 0, &addr, now);
	assert_int_equal(levels.clients, 1);
	assert_int_equal(levels.source, BUCKET_TOKEN * 11 / 10);
	assert_int_equal(levels.daemon, BUCKET_TOKEN * 56 / 10);
	decides_the_same("192.0.2.1");
	decides_the_same("192.0.2.2");
	must_fail("192.0.2.1", REFUSAL_RATE_PER_SOURCE);
}

/* A limit that the other one has not is as after a reload. */
static void
levels_of_other_limits(void **state)
{
	struct addr addr = peer("192.0.2.1");
	struct levels levels;

	(void)state;
	configure(one("max_clients_per_source = 2;", ""));
	must_pass("192.0.2.1");
	levels_take(&levels, admit, 0, &addr, now);
	assert_int_equal(levels.clients, 1);
	assert_int_equal(levels.source, LEVELS_NONE);
	assert_int_equal(levels.listener, LEVELS_NONE);
	assert_int_equal(levels.daemon, LEVELS_NONE);
	admit_free(admit);
	assert_int_equal(admit_init(admit), 0);
	configure(one("rate = 1.0; burst = 2;", ""));
	levels_give(&levels, admit, 0, &addr, now);
	must_pass("192.0.2.1");
	must_pass("192.0.2.1");
	must_fail("192.0.2.1", REFUSAL_RATE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(cap_per_source),
		TEST(default_cap),
		TEST(prefixes),
		TEST(users_are_sources),
		TEST(mapped_and_scoped),
		TEST(rate_per_source),
		TEST(rates_in_all),
		TEST(fair),
		TEST(first_match_wins),
		TEST(an_allowed_client_has_the_listeners_greeting),
		TEST(who_has_no_limit_is_not_counted),
		TEST(exempt),
		TEST(order_of_reasons),
		TEST(full),
		TEST(reload_keeps_buckets),
		TEST(reload_keeps_what_ran_in),
		TEST(reload_recounts),
		TEST(reload_brings_a_rate),
		TEST(reload_moves_listeners),
		TEST(levels_are_taken_over),
		TEST(levels_of_other_limits),
	};

	return cmocka_run_group_tests_name(
	    "admit", tests, confs_setup, confs_teardown);
}
