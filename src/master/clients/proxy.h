/* Clients behind a proxy that are not declared yet: their own child reads the
 * header, and the master decides (declare.h). */
#ifndef MASTER_CLIENTS_PROXY_H
#define MASTER_CLIENTS_PROXY_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/outcome.h"

struct client;
struct conf_listener;
struct listener;
struct order;
struct service;

/* What is known of a client that came through a proxy. */
enum client_proxied {
	PROXIED_NOT, /* it came by itself */
	PROXIED_AWAITED, /* its header has not been judged; it counts as its
			  * peer, which is the proxy */
	PROXIED_KNOWN, /* it is whom its header declares, and has been let in */
	PROXIED_AGAIN, /* likewise, but its child works from another plan, or
			* could not be told, and is to end: the next one needs
			* no header */
	/* These get no other child: */
	PROXIED_REFUSED, /* its child is to end, and it to be refused */
	PROXIED_LIED, /* its child has said what none says */
};

/* True when no further client of this listener may wait for its header: so many,
 * resources_awaited(), are in PROXIED_AWAITED. */
bool proxy_is_full(
    const struct service *service, const struct conf_listener *conf);

/*
 * A client of such a listener has been accepted, its addresses are known: true
 * when its peer is trusted, and it awaits its header.  False: it is to be refused
 * as denied.
 */
bool proxy_admit(struct service *service, struct client *client);

/* For an order that hands over a client in PROXIED_AWAITED: its part of the pair.
 * False: there is no descriptor for that, errno says why. */
bool proxy_order(
    struct service *service, uint32_t slot, struct order *order);

/* The client's child is known, which has its own end of the pair. */
void proxy_cloned(const struct service *service, uint32_t slot);

/* The client does not await its header any more, if it did: it has ended. */
void proxy_release(struct service *service, struct client *client);

/* What a child's end means, which might not be what it says. */
enum outcome proxy_outcome(
    const struct client *client, enum outcome outcome);

/* The master's end of its pair says nothing more: no event comes of it. */
void proxy_unwatch(const struct service *service, const struct client *client);

#endif
