/* The table of sources: its hash, its bounds, whom it forgets. */
#include "config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/system/siphash.h"
#include "master/clients/sources.h"
#include "shared/plan.h"

static const struct bucket_rule rule = { 1000, 5 };

static int
setup(void **state)
{
	static struct sources sources;

	*state = &sources;
	return sources_init(&sources);
}

static int
teardown(void **state)
{
	sources_free(*state);
	return 0;
}

static struct source_key
key(uint32_t number)
{
	struct addr addr = { .family = AF_INET };

	number = htonl(number);
	memcpy(addr.bytes, &number, sizeof(number));
	return source_key(&addr, 32, 7);
}

static uint32_t
enter(struct sources *sources, uint32_t number)
{
	struct source_key k = key(number);

	return sources_enter(sources, &k, &rule, 0);
}

static uint32_t
find(const struct sources *sources, uint32_t number)
{
	struct source_key k = key(number);

	return sources_find(sources, &k);
}

/* The vectors of the authors' reference: key 00 01 ... 0f, messages of
 * 0, 1, 8, 15 and 24 bytes 00 01 02 ... */
static void
siphash_is_siphash(void **state)
{
	static const uint64_t hash_key[2] = { UINT64_C(0x0706050403020100),
		UINT64_C(0x0f0e0d0c0b0a0908) };
	unsigned char bytes[24];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)i;
	assert_true(
	    siphash(hash_key, bytes, 0) == UINT64_C(0x726fdb47dd0e0e31));
	assert_true(
	    siphash(hash_key, bytes, 1) == UINT64_C(0x74f839c593dc67fd));
	assert_true(
	    siphash(hash_key, bytes, 8) == UINT64_C(0x93f5f5799a932462));
	/* The example of the paper, appendix A. */
	assert_true(
	    siphash(hash_key, bytes, 15) == UINT64_C(0xa129ca6149be45e5));
}

static struct source_key
key_of(const char *text, unsigned prefix, uint32_t scope, uint32_t listener)
{
	struct addr addr;

	assert_int_equal(addr_parse(&addr, text), 0);
	addr.port = (uint16_t)(scope + 1000);
	addr.scope = scope;
	return source_key(&addr, prefix, listener);
}

static void
assert_same(const struct source_key *a, const struct source_key *b, bool same)
{
	assert_int_equal(memcmp(a, b, sizeof(*a)) == 0, same);
}

static void
what_a_source_is(void **state)
{
	struct source_key a = key_of("2001:db8:1:2:3::4", 64, 0, 1), b;

	(void)state;
	b = key_of("2001:db8:1:2:ffff::1", 64, 9, 1);
	assert_same(&a, &b, true); /* port and scope do not count */
	b = key_of("2001:db8:1:3:3::4", 64, 0, 1);
	assert_same(&a, &b, false);
	b = key_of("2001:db8:1:3:3::4", 63, 0, 1);
	a = key_of("2001:db8:1:2:3::4", 63, 0, 1);
	assert_same(&a, &b, true);
	b = key_of("2001:db8:1:2:3::4", 63, 0, 2); /* another listener */
	assert_same(&a, &b, false);
	a = key_of("0.0.0.0", 32, 0, 1);
	b = key_of("::", 64, 0, 1);
	assert_same(&a, &b, false);
	a = key_of("192.0.2.1", 24, 0, 1);
	b = key_of("192.0.2.255", 24, 0, 1);
	assert_same(&a, &b, true);
}

static void
rows_come_and_go(void **state)
{
	struct sources *sources = *state;
	uint32_t row = enter(sources, 1);

	assert_int_equal(enter(sources, 1), row);
	assert_int_equal(sources->rows[row].live, 2);
	assert_int_equal(sources->n_live, 1);
	sources_leave(sources, row, false);
	assert_int_equal(find(sources, 1), row);
	sources_leave(sources, row, false);
	assert_int_equal(find(sources, 1), SOURCES_NONE);
	assert_int_equal(sources->n_live, 0);
	assert_int_equal(sources->n_idle, 0);
	assert_int_equal(enter(sources, 2), row); /* used again */
	sources_leave(sources, row, true);
	assert_int_equal(find(sources, 2), row);
	assert_int_equal(sources->n_idle, 1);
	sources_drop(sources, row);
	assert_int_equal(find(sources, 2), SOURCES_NONE);
}

/* The longest idle goes first, and never who has a client. */
static void
whom_it_forgets(void **state)
{
	struct sources *sources = *state;
	uint32_t i, live[3];

	for (i = 0; i < 3; i++)
		live[i] = enter(sources, i);
	for (; i < SOURCES_MAX; i++)
		sources_leave(sources, enter(sources, i), true);
	assert_int_equal(sources->n_idle, SOURCES_MAX - 3);
	assert_int_equal(sources->forgotten, 0);
	/* 3 is the oldest; it comes back, and is the newest. */
	sources_leave(sources, enter(sources, 3), true);
	sources_leave(sources, enter(sources, SOURCES_MAX), true);
	assert_int_equal(find(sources, 4), SOURCES_NONE);
	assert_int_not_equal(find(sources, 3), SOURCES_NONE);
	assert_int_not_equal(find(sources, 5), SOURCES_NONE);
	assert_int_equal(sources->forgotten, 1);
	/* A flood of a million. */
	for (i = 0; i < 1000000; i++)
		sources_leave(sources, enter(sources, 100000 + i), true);
	assert_int_equal(sources->used, SOURCES_MAX);
	assert_int_equal(sources->n_idle, SOURCES_MAX - 3);
	assert_int_equal(find(sources, 3), SOURCES_NONE);
	for (i = 0; i < 3; i++) {
		assert_int_equal(find(sources, i), live[i]);
		assert_int_equal(sources->rows[live[i]].live, 1);
	}
}

/* As many clients as there can be, each a source of its own, have rows. */
static void
all_clients_have_rows(void **state)
{
	struct sources *sources = *state;
	uint32_t i;

	for (i = 0; i < SOURCES_MAX; i++)
		sources_leave(sources, enter(sources, 1000000 + i), true);
	for (i = 0; i < PLAN_CLIENT_SLOTS; i++)
		enter(sources, i);
	assert_int_equal(sources->n_live, PLAN_CLIENT_SLOTS);
	for (i = 0; i < PLAN_CLIENT_SLOTS; i++)
		assert_int_equal(
		    sources->rows[find(sources, i)].live, 1);
	sources_recount(sources);
	assert_int_equal(sources->n_live, 0);
	assert_int_equal(sources->n_idle, SOURCES_MAX);
}

static unsigned
longest_chain(const struct sources *sources)
{
	unsigned longest = 0, n;
	uint32_t i, row;

	for (i = 0; i < SOURCES_MAX; i++) {
		n = 0;
		for (row = sources->heads[i]; row != SOURCES_NONE;
		     row = sources->rows[row].chain)
			n++;
		longest = n > longest ? n : longest;
	}
	return longest;
}

/* Addresses that share one chain under a key that somebody guessed: they do,
 * under that key, and not under the one that was drawn. */
static void
chosen_addresses(void **state)
{
	enum { CHOSEN = 50 };
	static const uint64_t guess[2] = { 1, 2 };
	struct sources *sources = *state;
	uint32_t chosen[CHOSEN], i, n = 0;
	struct source_key k;

	for (i = 0; n < CHOSEN; i++) {
		k = key(i);
		if (siphash(guess, &k, sizeof(k)) % SOURCES_MAX == 0)
			chosen[n++] = i;
	}
	for (i = 0; i < CHOSEN; i++)
		enter(sources, chosen[i]);
	assert_in_range(longest_chain(sources), 1, 4);
	for (i = 0; i < CHOSEN; i++)
		sources_leave(sources, find(sources, chosen[i]), false);
	memcpy(sources->hash_key, guess, sizeof(guess));
	for (i = 0; i < CHOSEN; i++)
		enter(sources, chosen[i]);
	assert_int_equal(longest_chain(sources), CHOSEN);
}

/* A full table has short chains. */
static void
full_chains_are_short(void **state)
{
	struct sources *sources = *state;
	uint32_t i;

	for (i = 0; i < SOURCES_MAX; i++)
		sources_leave(sources, enter(sources, i), true);
	/* Expected are 8 or 9; more than 16 in a chain has a chance of about
	 * 2e-10 with a good hash. */
	assert_in_range(longest_chain(sources), 1, 16);
}

static void
keys_differ(void **state)
{
	struct sources *sources = *state, other;

	assert_int_equal(sources_init(&other), 0);
	assert_memory_not_equal(
	    sources->hash_key, other.hash_key, sizeof(other.hash_key));
	sources_free(&other);
}

static void
memory_is_what_is_said(void **state)
{
	(void)state;
	assert_int_equal(SOURCES_BYTES, 3932160);
	assert_int_equal(
	    SOURCES_MAX * (sizeof(struct source) + 4), SOURCES_BYTES);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(siphash_is_siphash),
		cmocka_unit_test(what_a_source_is),
		TEST(rows_come_and_go),
		TEST(whom_it_forgets),
		TEST(all_clients_have_rows),
		TEST(chosen_addresses),
		TEST(full_chains_are_short),
		TEST(keys_differ),
		cmocka_unit_test(memory_is_what_is_said),
	};

	return cmocka_run_group_tests_name("sources", tests, NULL, NULL);
}
