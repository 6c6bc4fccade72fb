/* A configuration that an enemy has written, by chance: master/config/recheck.c. */
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
#include "unit/seeded.h"
#include "master/config/recheck.h"

#define RANDOM_ROUNDS 100000
#define EDITS_MAX 8 /* bytes or words changed in a round */

static struct conf *good;
static size_t good_bytes;
static int
setup(void **state)
{
	if (confs_setup(state) == -1)
		return -1;
	good = confs_must_load(
	    "user = \"u\"; pid_file = \"/p\";\n"
	    "limits = { exempt = [ \"10.0.0.0/8\", \"::1\" ]; };\n"
	    "listeners = ( { name = \"first\"; port = 1;\n"
	    "rules = ( { from = \"192.0.2.0/24\"; action = \"deny\"; },\n"
	    "{ from = [ \"2001:db8::/32\", \"any\" ]; action = \"allow\";\n"
	    "greeting = \"own\"; } );\n"
	    "address = ( \"10.0.0.1\", \"fe80::1%eth0\" ); },\n"
	    "{ address = \"::\"; greeting_file = \"/etc/motd\"; },\n"
	    "{ port = 3; greeting = \"g\\x01\\xff\"; hold = true; } );\n");
	good_bytes = sizeof(*good) + good->text_length;
	return 0;
}

static int
teardown(void **state)
{
	free(good);
	return confs_teardown(state);
}

/* As long as it says, so that a sanitizer sees any step beyond. */
static struct conf *
copy_of_good(void)
{
	struct conf *conf = malloc(good_bytes);

	assert_non_null(conf);
	memcpy(conf, good, good_bytes);
	return conf;
}

/* Uses all of an accepted configuration. */
static void
use(const struct conf *conf)
{
	static char *dump;

	free(dump);
	dump = confs_dump(conf);
	assert_non_null(strstr(dump, "listeners = ("));
}

static struct report report;

/* True when refused, with an error in report to say so. */
static bool
is_refused(const struct conf *conf, size_t bytes)
{
	bool refused;

	memset(&report, 0, sizeof(report));
	refused = conf_recheck(conf, bytes, "x", &report) == -1;
	assert_true(refused == (report.errors > 0));
	if (!refused)
		use(conf);
	return refused;
}

/* Bytes that count: unused listeners and addresses are not looked at. */
static bool
is_used(size_t at)
{
	return at < offsetof(struct conf, listener[3]) ||
	    (at >= offsetof(struct conf, address) &&
		at < offsetof(struct conf, address[4])) ||
	    (at >= offsetof(struct conf, rule) &&
		at < offsetof(struct conf, rule[2])) ||
	    (at >= offsetof(struct conf, net) &&
		at < offsetof(struct conf, net[5])) ||
	    at >= sizeof(struct conf);
}

/* Each byte by itself; what is accepted must be usable. */
static void
test_each_byte(void **state)
{
	static const unsigned char masks[] = { 0x01, 0x80, 0xff, 0x20 };
	struct conf *conf = copy_of_good();
	unsigned char *bytes = (unsigned char *)conf;
	size_t i, k;

	(void)state;
	for (i = 0; i < good_bytes; i++) {
		if (!is_used(i))
			continue;
		for (k = 0; k < sizeof(masks); k++) {
			bytes[i] ^= masks[k];
			is_refused(conf, good_bytes);
			bytes[i] ^= masks[k];
		}
	}
	assert_memory_equal(conf, good, good_bytes);
	free(conf);
}

static void
test_random(void **state)
{
	static const uint32_t words[] = { 0, 1, 2, 0x7f, 0xff, 0x7fffffff,
		0x80000000, 0xffffffff };
	struct conf *conf = copy_of_good();
	size_t i, k, n, at, accepted = 0;
	uint32_t word;

	(void)state;
	for (i = 0; i < RANDOM_ROUNDS; i++) {
		n = 1 + seeded_number() % EDITS_MAX;
		for (k = 0; k < n; k++) {
			do
				at = seeded_number() % (good_bytes - 3) & ~3u;
			while (!is_used(at));
			word = (uint32_t)seeded_number();
			if (seeded_number() % 2 == 0)
				word = words[word % 8];
			memcpy((char *)conf + at, &word, sizeof(word));
		}
		accepted += !is_refused(conf, good_bytes);
		memcpy(conf, good, good_bytes);
	}
	/* Padding, lines. */
	assert_true(accepted < RANDOM_ROUNDS / 4);
	free(conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_byte),
		cmocka_unit_test(test_random),
	};

	seeded_begin();
	return cmocka_run_group_tests_name(
	    "recheck_random", tests, setup, teardown);
}
