/* A million random steps against a model that searches instead of hashing, and
 * counts in one place what master/clients/admit.c counts in three. */
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
#include "master/clients/admit.h"

#define STEPS 1000000
#define RELOAD_EVERY 20000
#define CLIENTS 300 /* at a time */
#define ADDRESSES 40
#define LISTENERS 3
#define SECOND INT64_C(1000000)

/* -------------------------------------------------------------------- the model */

/* One client that lives. */
struct guest {
	bool here;
	uint32_t listener; /* stands where it stood, whatever a reload does */
	uint32_t source; /* of the table under test */
	struct addr peer;
};

/* A bucket that is filled and looked at in one place. */
struct tub {
	bool known;
	struct addr net; /* masked */
	int64_t level; /* 10^-9 tokens */
	int64_t at;
};

static struct guest guests[CLIENTS];
static struct tub source_tubs[LISTENERS][ADDRESSES];
static struct tub listener_tubs[LISTENERS], daemon_tub;
static const struct conf *conf;
static int64_t now;

static const char *const nets[] = { "any", "10.0.0.0/8", "10.0.1.0/24",
	"2001:db8::/32", "2001:db8:0:1::/64", "10.0.0.1", "192.0.2.0/25" };

static bool
is_in(const struct addr *addr, const struct conf_net *net)
{
	uint32_t i;

	if (net->addr.family == AF_UNSPEC)
		return true;
	if (net->addr.family != addr->family)
		return false;
	for (i = 0; i < net->prefix; i++)
		if (((addr->bytes[i / 8] ^ net->addr.bytes[i / 8]) >>
			(7 - i % 8) & 1) != 0)
			return false;
	return true;
}

static bool
is_in_any(const struct addr *addr, struct conf_nets list)
{
	uint32_t i;

	for (i = 0; i < list.n; i++)
		if (is_in(addr, &conf->net[list.first + i]))
			return true;
	return false;
}

static uint32_t
prefix(const struct conf_limits *limits, const struct addr *addr)
{
	return (uint32_t)(addr->family == AF_INET ? limits->ipv4_prefix :
						    limits->ipv6_prefix);
}

static bool
is_same_source(uint32_t listener, const struct addr *a, const struct addr *b)
{
	struct conf_net net = { .addr = *b };

	net.prefix = prefix(&conf->listener[listener].limits, b);
	return is_in(a, &net);
}

/* The exempt are not counted, even if they are of the same prefix. */
static unsigned
count(uint32_t listener, const struct addr *peer)
{
	unsigned i, n = 0;

	for (i = 0; i < CLIENTS; i++)
		n += guests[i].here && guests[i].listener == listener &&
		    is_same_source(listener, &guests[i].peer, peer) &&
		    !is_in_any(&guests[i].peer, conf->exempt);
	return n;
}

static int64_t
capacity(int64_t rate, int64_t burst)
{
	return (burst != 0 ? burst : (rate + 999) / 1000) * 1000000000;
}

/* What is in the tub now, which it then knows. */
static int64_t
look(struct tub *tub, int64_t rate, int64_t burst)
{
	int64_t most = capacity(rate, burst);
	int64_t level;

	if (!tub->known)
		*tub = (struct tub){ .known = true, .net = tub->net,
			.level = most, .at = now };
	/* A run takes two hours of its time: 10^16 at most. */
	level = (now - tub->at) * rate + tub->level;
	tub->level = level > most ? most : level;
	tub->at = now;
	return tub->level;
}

/* The tub of that source; a new one is full. */
static struct tub *
tub_of(uint32_t listener, const struct addr *peer)
{
	struct tub *free_one = NULL, *tub;
	unsigned i;

	for (i = 0; i < ADDRESSES; i++) {
		tub = &source_tubs[listener][i];
		if (!tub->known)
			free_one = tub;
		else if (is_same_source(listener, peer, &tub->net))
			return tub;
	}
	assert_non_null(free_one);
	free_one->net = *peer;
	return free_one;
}

#define LET_IN REFUSAL_COUNT

/* The reason, or LET_IN. */
static enum refusal
expect(uint32_t listener, const struct addr *peer, bool full)
{
	const struct conf_listener *own = &conf->listener[listener];
	const struct conf_limits *limits = &own->limits;
	const struct conf_rule *rule = &conf->rule[own->first_rule];
	struct tub *tub = NULL;
	bool fresh = false;
	uint32_t i;

	for (i = 0; i < own->n_rules; i++)
		if (is_in_any(peer, rule[i].from)) {
			if (rule[i].action == CONF_DENY)
				return REFUSAL_DENIED;
			break;
		}
	if (full)
		return REFUSAL_BUSY;
	if (is_in_any(peer, conf->exempt))
		return LET_IN;
	if (limits->max_clients_per_source > 0 &&
	    count(listener, peer) >= limits->max_clients_per_source)
		return REFUSAL_BUSY_PER_SOURCE;
	if (limits->rate_per_source > 0) {
		tub = tub_of(listener, peer);
		fresh = !tub->known;
		if (look(tub, limits->rate_per_source,
			limits->burst_per_source) < 1000000000)
			return REFUSAL_RATE_PER_SOURCE;
	}
	if ((limits->rate > 0 &&
		look(&listener_tubs[listener], limits->rate, limits->burst) <
		    1000000000) ||
	    (conf->limits.rate > 0 &&
		look(&daemon_tub, conf->limits.rate, conf->limits.burst) <
		    1000000000)) {
		/* Who was never let in is not remembered. */
		if (fresh)
			tub->known = false;
		return REFUSAL_RATE;
	}
	if (tub != NULL)
		tub->level -= 1000000000;
	if (limits->rate > 0)
		listener_tubs[listener].level -= 1000000000;
	if (conf->limits.rate > 0)
		daemon_tub.level -= 1000000000;
	return LET_IN;
}

static void
look_if_known(struct tub *tub, int64_t rate, int64_t burst)
{
	if (tub->known && rate > 0)
		look(tub, rate, burst);
}

/* What a reload leaves of the buckets: what is in them now. */
static void
model_reload(const struct conf *before)
{
	const struct conf_limits *old, *new;
	uint32_t i, k;
	struct tub *tub;

	look_if_known(&daemon_tub, before->limits.rate, before->limits.burst);
	if (before->limits.rate == 0)
		daemon_tub.known = false;
	for (i = 0; i < LISTENERS; i++) {
		old = &before->listener[i].limits;
		new = &conf->listener[i].limits;
		look_if_known(&listener_tubs[i], old->rate, old->burst);
		if (old->rate == 0)
			listener_tubs[i].known = false;
		for (k = 0; k < ADDRESSES; k++) {
			tub = &source_tubs[i][k];
			look_if_known(tub, old->rate_per_source,
			    old->burst_per_source);
			if (old->rate_per_source == 0 ||
			    new->rate_per_source == 0 ||
			    prefix(old, &tub->net) != prefix(new, &tub->net))
				tub->known = false;
		}
	}
	/* Who is there is remembered from now on. */
	for (i = 0; i < CLIENTS; i++) {
		if (!guests[i].here ||
		    is_in_any(&guests[i].peer, conf->exempt))
			continue;
		new = &conf->listener[guests[i].listener].limits;
		if (new->rate_per_source > 0)
			look(tub_of(guests[i].listener, &guests[i].peer),
			    new->rate_per_source, new->burst_per_source);
	}
	/* A smaller burst makes a bucket run over: at the next look. */
}

/* -------------------------------------------------------------- configurations */

static void
put_limits(FILE *out, bool top)
{
	static const char *const rates[] = { "0", "0.5", "3", "20", "400.125" };

	fprintf(out, "limits = { max_clients_per_source = %u;",
	    seeded_below(3) * seeded_below(12));
	fprintf(out, "ipv4_prefix = %u; ipv6_prefix = %u;",
	    16 + 8 * seeded_below(3), 48 + 8 * seeded_below(4));
	fprintf(out, "rate = %s; rate_per_source = %s;", rates[seeded_below(5)],
	    rates[seeded_below(5)]);
	if (seeded_below(2) == 0)
		fprintf(out, "burst = %u; burst_per_source = %u;",
		    1 + seeded_below(40), 1 + seeded_below(10));
	if (top && seeded_below(2) == 0)
		fprintf(out, "exempt = ( \"%s\", \"%s\" );", nets[1 + seeded_below(6)],
		    nets[1 + seeded_below(6)]);
	fputs("};\n", out);
}

static struct conf *
random_conf(void)
{
	unsigned i, k, rules;
	struct conf *fresh;
	char *text;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	assert_non_null(out);
	put_limits(out, true);
	fputs("listeners = (", out);
	for (i = 0; i < LISTENERS; i++) {
		fprintf(out, "%s{ name = \"%u\"; port = %u; rules = (",
		    i > 0 ? ", " : "", i, i + 1);
		rules = seeded_below(3);
		for (k = 0; k < rules; k++)
			fprintf(out, "%s{ from = \"%s\"; action = \"%s\"; }",
			    k > 0 ? ", " : "", nets[1 + seeded_below(6)],
			    seeded_below(2) == 0 ? "allow" : "deny");
		fputs("); ", out);
		if (seeded_below(2) == 0)
			put_limits(out, false);
		fputs("}", out);
	}
	fputs(" );\n", out);
	assert_int_equal(fclose(out), 0);
	fresh = confs_must_load(text);
	free(text);
	return fresh;
}

static struct addr
random_peer(void)
{
	static const char *const addresses[] = { "10.0.0.1", "10.0.0.2",
		"10.0.1.1", "10.1.0.1", "192.0.2.1", "192.0.2.200",
		"2001:db8::1", "2001:db8::2", "2001:db8:0:1::1",
		"2001:db8:0:ff01::1", "2001:db9::1", "::1" };
	struct addr addr;

	assert_int_equal(addr_parse(&addr, addresses[seeded_below(12)]), 0);
	addr.port = (uint16_t)seeded_below(65536);
	addr.scope = seeded_below(2);
	return addr;
}

/* ------------------------------------------------------------------------ steps */

static struct admit admit;
static uint64_t accepted, refused, ended;
static uint64_t seen[REFUSAL_COUNT + 1];

static struct guest *
free_guest(void)
{
	unsigned i;

	for (i = 0; i < CLIENTS; i++)
		if (!guests[i].here)
			return &guests[i];
	return NULL;
}

static void
step_come(void)
{
	struct guest *guest = free_guest();
	struct addr peer = random_peer();
	uint32_t listener = seeded_below(LISTENERS);
	struct admit_verdict verdict;
	enum refusal want;

	want = expect(listener, &peer, guest == NULL);
	verdict = admit_decide(&admit, listener, &peer,
	    guest == NULL ? &conf->limits : NULL, now);
	accepted++;
	seen[want]++;
	if (verdict.allowed != (want == LET_IN) ||
	    (!verdict.allowed && verdict.reason != want))
		fail_msg("client %llu: %s instead of %s",
		    (unsigned long long)accepted,
		    verdict.allowed ? "let in" : refusal_name(verdict.reason),
		    want == LET_IN ? "let in" : refusal_name(want));
	if (!verdict.allowed) {
		refused++;
		assert_int_equal(verdict.source, ADMIT_NO_SOURCE);
		assert_int_equal(
		    verdict.retry_after > 0, want != REFUSAL_DENIED);
		return;
	}
	*guest = (struct guest){ true, listener, verdict.source, peer };
}

static void
end(struct guest *guest)
{
	admit_release(&admit, guest->listener, guest->source);
	guest->here = false;
	ended++;
}

static void
step_end(void)
{
	struct guest *guest = &guests[seeded_below(CLIENTS)];

	if (guest->here)
		end(guest);
}

static void
reload(void)
{
	static const uint32_t rows[LISTENERS] = { 4, 0, 2 };
	const struct conf *before = conf;
	unsigned i;

	conf = random_conf();
	admit_configure(&admit, conf, rows, now);
	assert_int_equal(admit.sources.n_live, 0);
	if (before != NULL)
		model_reload(before);
	for (i = 0; i < CLIENTS; i++)
		if (guests[i].here)
			guests[i].source = admit_restore(&admit,
			    guests[i].listener, &guests[i].peer, now);
	free((void *)(uintptr_t)before);
}

static unsigned
count_live(void)
{
	unsigned i, n = 0;

	for (i = 0; i < CLIENTS; i++)
		n += guests[i].here;
	return n;
}

/* Nobody is there: nothing is counted, whatever has happened. */
static void
assert_rest(void)
{
	uint32_t i;

	for (i = 0; i < CLIENTS; i++)
		if (guests[i].here)
			end(&guests[i]);
	assert_int_equal(admit.sources.n_live, 0);
	for (i = 0; i < admit.sources.used; i++)
		assert_int_equal(admit.sources.rows[i].live, 0);
	assert_true(accepted == refused + ended);
}

static void
test_model(void **state)
{
	unsigned step, i;

	(void)state;
	assert_int_equal(admit_init(&admit), 0);
	now = 1000 * SECOND;
	for (step = 0; step < STEPS; step++) {
		if (step % RELOAD_EVERY == 0)
			reload();
		if (step % 10007 == 10006)
			assert_rest();
		now += seeded_below(4) == 0 ? seeded_below(20000) : 0;
		now += seeded_below(5000) == 0 ? seeded_below(30) * SECOND : 0;
		if (seeded_below(100) < 55)
			step_come();
		else
			step_end();
		assert_true(step % 1000 != 0 ||
		    accepted == refused + ended + count_live());
	}
	assert_rest();
	for (i = 0; i <= REFUSAL_COUNT; i++)
		fprintf(stderr, "# %llu %s\n", (unsigned long long)seen[i],
		    i == LET_IN ? "let in" : refusal_name((enum refusal)i));
	/* All but the rarest have been met often. */
	for (i = 0; i <= REFUSAL_COUNT; i++)
		if (i != REFUSAL_NO_RESOURCES && i != REFUSAL_BUSY)
			assert_true(seen[i] > 1000);
	admit_free(&admit);
	free((void *)(uintptr_t)conf);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	seeded_begin();
	return cmocka_run_group_tests_name(
	    "admit_model", tests, confs_setup, confs_teardown);
}
