/* Deciding whether a client is let in. */
#include "config.h"

#include "master/clients/admit.h"

#include <netinet/in.h>
#include <string.h>

#include "master/system/clock.h"
#include "master/config/greetings.h"
#include "master/config/network.h"

int
admit_init(struct admit *admit)
{
	memset(admit, 0, sizeof(*admit));
	return sources_init(&admit->sources);
}

void
admit_free(struct admit *admit)
{
	sources_free(&admit->sources);
}

/* ---------------------------------------------------------------- configuration */

/* A user is a source of its own. */
static int64_t
prefix_of(const struct conf_limits *limits, uint32_t family)
{
	if (family == AF_UNIX)
		return 32;
	return family == AF_INET ? limits->ipv4_prefix : limits->ipv6_prefix;
}

/* In admit_listener.keep. */
static size_t
kind_of(uint32_t family)
{
	return family == AF_INET ? 0 : family == AF_UNIX ? 2 : 1;
}

struct admit_listener *
admit_listener_of_row(struct admit *admit, uint32_t row)
{
	uint32_t i;

	for (i = 0; i < admit->n_listeners; i++)
		if (admit->listeners[i].row == row)
			return &admit->listeners[i];
	return NULL;
}

/* Settles the buckets up to now by the old rates; the old listener is looked up
 * once for a run of sources that share it. */
static void
run_buckets(struct admit *admit, int64_t now)
{
	struct source *source = admit->sources.rows;
	const struct source *end = source + admit->sources.used;
	struct admit_listener *listener = admit->listeners;
	uint32_t i;

	bucket_run(&admit->bucket, &admit->rule, now);
	for (i = 0; i < admit->n_listeners; i++)
		bucket_run(&listener[i].bucket, &listener[i].rule, now);
	for (listener = NULL; source < end; source++) {
		if (listener == NULL || listener->row != source->key.listener)
			listener = admit_listener_of_row(
			    admit, source->key.listener);
		if (listener != NULL)
			bucket_run(&source->bucket, &listener->per_source, now);
	}
}

/* What is kept of the listener as it was before. */
static void
inherit(struct admit_listener *listener, const struct admit_listener *before,
    int64_t now)
{
	const struct conf_limits *limits = &listener->conf->limits, *old;

	bucket_fill(&listener->bucket, &listener->rule, now);
	if (before == NULL)
		return;
	if (before->rule.rate > 0)
		listener->bucket = before->bucket;
	if (before->per_source.rate == 0 || listener->per_source.rate == 0)
		return;
	old = &before->conf->limits;
	listener->keep[0] = limits->ipv4_prefix == old->ipv4_prefix;
	listener->keep[1] = limits->ipv6_prefix == old->ipv6_prefix;
	listener->keep[2] = 1;
}

/* Forgets the buckets of sources that have no meaning any more. */
static void
drop_sources(struct admit *admit)
{
	struct sources *sources = &admit->sources;
	const struct admit_listener *listener = NULL;
	const struct source_key *key;
	uint32_t row, next;

	for (row = sources->oldest; row != SOURCES_NONE; row = next) {
		next = sources->rows[row].newer;
		key = &sources->rows[row].key;
		if (listener == NULL || listener->row != key->listener)
			listener = admit_listener_of_row(admit, key->listener);
		if (listener == NULL ||
		    !listener->keep[kind_of(key->family)])
			sources_drop(sources, row);
	}
}

/* Sessions of rules come after those of the listeners, in their order. */
static void
number_sessions(struct admit *admit)
{
	uint32_t i, next = greetings_first_rule(admit->conf);

	for (i = 0; i < admit->conf->n_rules; i++)
		if (admit->conf->rule[i].greeting_line != 0)
			admit->session[i] = next++;
}

void
admit_configure(struct admit *admit, const struct conf *conf,
    const uint32_t *rows, int64_t now)
{
	struct admit_listener fresh[CONF_LISTENERS_MAX];
	int64_t rate = admit->rule.rate;
	uint32_t i;

	run_buckets(admit, now);
	admit->rule = bucket_rule(conf->limits.rate, conf->limits.burst);
	if (rate == 0)
		bucket_fill(&admit->bucket, &admit->rule, now);
	for (i = 0; i < conf->n_listeners; i++) {
		const struct conf_limits *limits = &conf->listener[i].limits;

		fresh[i] = (struct admit_listener){
			.conf = &conf->listener[i],
			.row = rows[i],
			.rule = bucket_rule(limits->rate, limits->burst),
			.per_source = bucket_rule(limits->rate_per_source,
			    limits->burst_per_source),
		};
		inherit(&fresh[i], admit_listener_of_row(admit, rows[i]), now);
	}
	memcpy(admit->listeners, fresh, conf->n_listeners * sizeof(fresh[0]));
	admit->n_listeners = conf->n_listeners;
	admit->conf = conf;
	number_sessions(admit);
	sources_recount(&admit->sources);
	drop_sources(admit);
}

/* --------------------------------------------------------------------- sources */

static struct source_key
key_of(const struct admit_listener *listener, const struct addr *peer)
{
	return source_key(peer,
	    (unsigned)prefix_of(&listener->conf->limits, peer->family),
	    listener->row);
}

uint64_t
admit_source(const struct admit *admit, uint32_t listener,
    const struct addr *peer)
{
	struct source_key key = key_of(&admit->listeners[listener], peer);

	return sources_hash(&admit->sources, &key);
}

const struct conf_net *
admit_net(const struct admit *admit, struct conf_nets nets,
    const struct addr *peer)
{
	const struct conf_net *net = &admit->conf->net[nets.first];
	const struct conf_net *end = net + nets.n;

	for (; net < end; net++)
		if (network_has(net, peer))
			return net;
	return NULL;
}

static bool
has_nets(const struct admit *admit, struct conf_nets nets,
    const struct addr *peer)
{
	return admit_net(admit, nets, peer) != NULL;
}

bool
admit_is_quiet(const struct admit *admit, const struct addr *peer)
{
	return has_nets(admit, admit->conf->quiet, peer);
}

/* Does the listener's source of that address have a limit? */
static bool
is_counted(const struct admit *admit, const struct admit_listener *listener,
    const struct addr *peer)
{
	return (listener->conf->limits.max_clients_per_source > 0 ||
		   listener->per_source.rate > 0) &&
	    !has_nets(admit, admit->conf->exempt, peer);
}

uint32_t
admit_find(const struct admit *admit, uint32_t listener,
    const struct addr *peer)
{
	struct source_key key = key_of(&admit->listeners[listener], peer);

	return sources_find(&admit->sources, &key);
}

uint32_t
admit_restore(struct admit *admit, uint32_t index, const struct addr *peer,
    int64_t now)
{
	const struct admit_listener *listener = &admit->listeners[index];
	struct source_key key;

	if (!is_counted(admit, listener, peer))
		return ADMIT_NO_SOURCE;
	key = key_of(listener, peer);
	return sources_enter(
	    &admit->sources, &key, &listener->per_source, now);
}

void
admit_release(struct admit *admit, uint32_t listener, uint32_t source)
{
	if (source != ADMIT_NO_SOURCE)
		sources_leave(&admit->sources, source,
		    admit->listeners[listener].per_source.rate > 0);
}

/* --------------------------------------------------------------------- verdicts */

const struct conf_limits *
admit_full(const struct admit *admit, uint32_t listener, uint32_t live,
    uint32_t listener_live)
{
	const struct conf_limits *limits = &admit->conf->limits;

	if (live >= limits->max_clients)
		return limits;
	limits = &admit->listeners[listener].conf->limits;
	return listener_live >= limits->max_clients ? limits : NULL;
}

const struct conf_rule *
admit_rule(const struct admit *admit, uint32_t listener,
    const struct addr *peer)
{
	const struct conf_listener *conf = admit->listeners[listener].conf;
	const struct conf_rule *rule = &admit->conf->rule[conf->first_rule];
	const struct conf_rule *end = rule + conf->n_rules;

	for (; rule < end; rule++)
		if (has_nets(admit, rule->from, peer))
			return rule;
	return NULL;
}

uint32_t
admit_session(
    const struct admit *admit, uint32_t listener, const struct addr *peer)
{
	const struct conf_rule *rule = admit_rule(admit, listener, peer);

	if (rule == NULL || rule->greeting_line == 0 ||
	    rule->action == CONF_DENY)
		return greetings_index(listener, STATE_READY);
	return admit->session[rule - admit->conf->rule];
}

bool
admit_denial(const struct admit *admit, uint32_t listener,
    const struct addr *peer, uint32_t *session)
{
	const struct conf_rule *rule = admit_rule(admit, listener, peer);

	if (rule == NULL || rule->greeting_line == 0 ||
	    rule->action != CONF_DENY)
		return false;
	*session = admit->session[rule - admit->conf->rule];
	return true;
}

static void
refuse_for(struct admit_verdict *verdict, enum refusal reason, int64_t limit,
    int64_t wait)
{
	verdict->allowed = false;
	verdict->reason = reason;
	verdict->limit = (uint32_t)limit;
	verdict->retry_after =
	    (uint32_t)((wait + CLOCK_SECOND - 1) / CLOCK_SECOND);
}

/* Notes in the verdict that the rate's bucket is empty. */
static bool
is_empty(struct bucket *bucket, const struct bucket_rule *rule,
    enum refusal reason, struct admit_verdict *verdict, int64_t now)
{
	int64_t wait = bucket_wait(bucket, rule, now);

	if (wait == 0)
		return false;
	refuse_for(verdict, reason, (rule->rate + 999) / 1000, wait);
	return true;
}

/* Nothing is taken before all of them have been asked. */
static void
ask_source(struct admit *admit, const struct admit_listener *listener,
    const struct source_key *key, struct admit_verdict *verdict, int64_t now)
{
	int64_t most = listener->conf->limits.max_clients_per_source;
	uint32_t row = sources_find(&admit->sources, key);
	struct source *source;

	if (row == SOURCES_NONE)
		return; /* no clients, and a full bucket */
	source = &admit->sources.rows[row];
	if (most > 0 && source->live >= most)
		refuse_for(verdict, REFUSAL_BUSY_PER_SOURCE, most, 1);
	else
		is_empty(&source->bucket, &listener->per_source,
		    REFUSAL_RATE_PER_SOURCE, verdict, now);
}

static void
ask_limits(struct admit *admit, struct admit_listener *listener,
    const struct addr *peer, struct admit_verdict *verdict, int64_t now)
{
	bool counted = is_counted(admit, listener, peer);
	struct source_key key = key_of(listener, peer);
	struct sources *sources = &admit->sources;

	if (counted)
		ask_source(admit, listener, &key, verdict, now);
	if (!verdict->allowed ||
	    is_empty(&listener->bucket, &listener->rule, REFUSAL_RATE, verdict,
		now) ||
	    is_empty(&admit->bucket, &admit->rule, REFUSAL_RATE, verdict, now))
		return;
	bucket_take(&listener->bucket, &listener->rule);
	bucket_take(&admit->bucket, &admit->rule);
	if (!counted)
		return;
	verdict->source =
	    sources_enter(sources, &key, &listener->per_source, now);
	bucket_take(&sources->rows[verdict->source].bucket,
	    &listener->per_source);
}

struct admit_verdict
admit_decide(struct admit *admit, uint32_t index, const struct addr *peer,
    const struct conf_limits *full, int64_t now)
{
	struct admit_listener *listener = &admit->listeners[index];
	const struct conf_rule *rule = admit_rule(admit, index, peer);
	struct admit_verdict verdict = { .allowed = true,
		.session = greetings_index(index, STATE_READY),
		.source = ADMIT_NO_SOURCE, .retry_after = 1 };

	if (rule != NULL && rule->greeting_line != 0) {
		verdict.own_text = true;
		verdict.session = admit->session[rule - admit->conf->rule];
	}
	if (rule != NULL && rule->action == CONF_DENY)
		refuse_for(&verdict, REFUSAL_DENIED, 0, 0);
	else if (full != NULL)
		refuse_for(&verdict, REFUSAL_BUSY, full->max_clients, 1);
	else if (!has_nets(admit, admit->conf->exempt, peer))
		ask_limits(admit, listener, peer, &verdict, now);
	return verdict;
}
