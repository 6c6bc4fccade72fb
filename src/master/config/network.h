/* A network, as text and as data. */
#ifndef MASTER_NET_H
#define MASTER_NET_H

#include <stdbool.h>
#include <stddef.h>

#include "master/config/conf.h"

/* Room for the longest text of net_format(): an address, '/' and three
 * digits. */
#define NET_TEXT_MAX (ADDR_TEXT_MAX + 4)

/*
 * Parses "ADDRESS/PREFIX" (RFC 4632 section 3.1, RFC 4291 section 2.3), an
 * address alone, which is a network of one, or "any" if that is allowed, into
 * *net; line becomes 0.  Returns NULL, or a static "is not ..., allowed is ...".
 */
const char *net_parse(const char *text, bool any_allowed, struct conf_net *net);

/* Checks what net_parse() checks in a network that is data already.  Returns as
 * net_parse(). */
const char *net_check(const struct conf_net *net, bool any_allowed);

/* Writes what net_parse() reads to text, which has room for NET_TEXT_MAX bytes.
 * Returns text. */
const char *net_format(const struct conf_net *net, char *text);

/* True when the address is in the network; its scope does not count. */
bool net_has(const struct conf_net *net, const struct addr *addr);

/* True when every address of inner is in outer. */
bool net_covers(const struct conf_net *outer, const struct conf_net *inner);

#endif
