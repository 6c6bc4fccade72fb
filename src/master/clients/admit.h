/* Deciding whether a client is let in. State and time go in, a verdict comes
 * out: no call here waits, allocates or asks the kernel. */
#ifndef MASTER_CLIENTS_ADMIT_H
#define MASTER_CLIENTS_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/bucket.h"
#include "master/config/conf.h"
#include "master/clients/sources.h"
#include "master/clients/counters.h"

#define ADMIT_NO_SOURCE SOURCES_NONE

/* One listener of the running configuration. */
struct admit_listener {
	const struct conf_listener *conf;
	uint32_t row; /* of struct counters: the listener's identity */
	struct bucket bucket; /* limits.rate of the listener */
	struct bucket_rule rule;
	struct bucket_rule per_source;
	uint8_t keep[3]; /* buckets of IPv4, IPv6 sources and of users survive a
			  * reload */
};

/* Start with admit_init(). */
struct admit {
	const struct conf *conf;
	struct sources sources;
	struct bucket bucket; /* limits.rate of the daemon */
	struct bucket_rule rule;
	uint32_t n_listeners;
	struct admit_listener listeners[CONF_LISTENERS_MAX];
	uint32_t session[CONF_RULES_MAX]; /* of the plan, of rules that have one */
};

struct admit_verdict {
	bool allowed;
	enum refusal reason; /* when it is refused */
	bool own_text; /* a rule's greeting, for those it allows or denies */
	uint32_t session; /* of the plan: the listener's, or the rule's own */
	uint32_t source; /* for admit_release(), ADMIT_NO_SOURCE */
	uint32_t limit; /* the limit that is reached; rates rounded up */
	/* Seconds, rounded up; 0: never.  1 when that is not known, as for an
	 * allowed client that may yet get no process. */
	uint32_t retry_after;
};

/* Allocates the table of sources, once.  Returns 0, or -1 with errno. */
int admit_init(struct admit *admit);

void admit_free(struct admit *admit);

/*
 * Makes conf, which must stay valid until the next call, the running
 * configuration; rows has the row of struct counters of each of its listeners.
 * Forgets all clients: call admit_restore() for each live one.  A bucket keeps
 * its level when its listener, its prefix and a rate for it are still there;
 * any other bucket is full.
 */
void admit_configure(struct admit *admit, const struct conf *conf,
    const uint32_t *rows, int64_t now);

/* A number for what the address is to the listener's limits per source: the
 * same for two clients of one source, whether they are counted or not, and
 * nobody outside can have two sources share one. */
uint64_t admit_source(const struct admit *admit, uint32_t listener,
    const struct addr *peer);

/* True when the address is one of log.quiet. */
bool admit_is_quiet(const struct admit *admit, const struct addr *peer);

/* The first of these networks, a list of the running configuration, that has the
 * address; or NULL. */
const struct conf_net *admit_net(const struct admit *admit,
    struct conf_nets nets, const struct addr *peer);

/* The listener's rule that decides about the address: the first that matches, or
 * NULL. */
const struct conf_rule *admit_rule(const struct admit *admit,
    uint32_t listener, const struct addr *peer);

/* The row of admit->sources that counts the address, or ADMIT_NO_SOURCE. */
uint32_t admit_find(const struct admit *admit, uint32_t listener,
    const struct addr *peer);

/* The listener with that row of struct counters; NULL: it is not in the running
 * configuration. */
struct admit_listener *admit_listener_of_row(
    struct admit *admit, uint32_t row);

/* Counts a live client of the listener (its index in the configuration),
 * whatever the limits are now.  Returns its source. */
uint32_t admit_restore(struct admit *admit, uint32_t listener,
    const struct addr *peer, int64_t now);

/* The limits whose max_clients is reached, the daemon's or the listener's, or
 * NULL.  live and listener_live are the numbers of live clients. */
const struct conf_limits *admit_full(const struct admit *admit,
    uint32_t listener, uint32_t live, uint32_t listener_live);

/*
 * Decides about one client, and counts it when it is allowed.  full is the
 * result of admit_full().  The checks are made in this order, and the first
 * that refuses is the reason: rules, max_clients; then, unless the client is
 * exempt, max_clients_per_source, rate_per_source, and rate of the listener and
 * of the daemon.  A refused client takes nothing from any bucket: a source
 * beyond its own limits cannot use up what all share.
 */
struct admit_verdict admit_decide(struct admit *admit, uint32_t listener,
    const struct addr *peer, const struct conf_limits *full, int64_t now);

/* The session for a client of the listener that is handed over again after a
 * reload: a rule's, or the listener's own. */
uint32_t admit_session(
    const struct admit *admit, uint32_t listener, const struct addr *peer);

/* Is the client denied by a rule that has a text of its own for that?  Then
 * that is the session's. */
bool admit_denial(const struct admit *admit, uint32_t listener,
    const struct addr *peer, uint32_t *session);

/* An allowed client of the listener has ended, in any way. */
void admit_release(struct admit *admit, uint32_t listener, uint32_t source);

#endif
