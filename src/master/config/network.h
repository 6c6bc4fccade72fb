/* A network, as text and as data. */
#ifndef MASTER_NETWORK_H
#define MASTER_NETWORK_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/conf.h"

/* Room for the longest text of network_format(): an address, '/' and three
 * digits. */
#define NETWORK_TEXT_MAX (ADDR_TEXT_MAX + 4)

/*
 * Parses "ADDRESS/PREFIX" (RFC 4632 section 3.1, RFC 4291 section 2.3), a
 * single address, which is a network of one, or "any" if that is allowed, into
 * *net; line becomes 0.  Returns NULL, or a static "is not ..., expected ...".
 */
const char *network_parse(const char *text, bool any_allowed, struct conf_net *net);

/* Writes what network_parse() reads to text, which has room for NETWORK_TEXT_MAX bytes.
 * Returns text. */
const char *network_format(const struct conf_net *net, char *text);

/* True when the address is in the network; its scope is ignored. */
bool network_has(const struct conf_net *net, const struct addr *addr);

/* True when "any" is one of these networks, and so all that have no address are
 * in it. */
bool network_has_any(const struct conf *conf, struct conf_nets nets);

/* True when every address of inner is in outer. */
bool network_covers(const struct conf_net *outer, const struct conf_net *inner);

#endif
