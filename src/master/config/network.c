/* A network, as text and as data. */
#include "config.h"

#include "master/config/network.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "shared/number.h"

static const char no_net[] =
    "is not a network, expected a numeric address with a prefix length, as "
    "in 192.0.2.0/24 or 2001:db8::/32, or one address";

static unsigned
bits_of(const struct addr *addr)
{
	return addr->family == AF_INET ? 32 : 128;
}

static bool
is_prefix(const char *text, unsigned max, uint32_t *prefix)
{
	int64_t number;

	if (number_parse(text, 0, max, &number) == -1)
		return false;
	*prefix = (uint32_t)number;
	return true;
}

static const char *
check(const struct conf_net *net, bool any_allowed)
{
	struct addr masked = net->addr;
	struct in6_addr in6;

	if (net->prefix == bits_of(&net->addr) && addr_is_any(&net->addr))
		return any_allowed ?
		    "is no client's address, expected \"any\" for all of "
		    "them, 0.0.0.0/0 for IPv4 or ::/0 for IPv6" :
		    "is no client's address, expected 0.0.0.0/0 for all of "
		    "IPv4, ::/0 for all of IPv6 (\"any\" is for rules)";
	memcpy(&in6, net->addr.bytes, sizeof(in6));
	if (net->addr.family == AF_INET6 && net->prefix >= 96 &&
	    IN6_IS_ADDR_V4MAPPED(&in6))
		return "is a network of IPv4-mapped addresses, expected the "
		       "IPv4 network: that is what their clients count as";
	addr_mask(&masked, net->prefix);
	if (!addr_equal(&masked, &net->addr))
		return "has bits set after its prefix, expected the "
		       "network's own address, or a longer prefix";
	return NULL;
}

const char *
network_parse(const char *text, bool any_allowed, struct conf_net *net)
{
	const char *slash = strchr(text, '/');
	size_t length = slash != NULL ? (size_t)(slash - text) : strlen(text);
	char plain[ADDR_TEXT_MAX];

	memset(net, 0, sizeof(*net));
	if (any_allowed && strcmp(text, "any") == 0)
		return NULL;
	if (length >= sizeof(plain))
		return no_net;
	memcpy(plain, text, length);
	plain[length] = '\0';
	if (strchr(plain, '%') != NULL)
		return "has a scope, expected a network without one";
	if (addr_parse(&net->addr, plain) == -1)
		return no_net;
	net->prefix = bits_of(&net->addr);
	if (slash != NULL && !is_prefix(slash + 1, net->prefix, &net->prefix))
		return net->addr.family == AF_INET ?
		    "has no usable prefix length, expected 0 to 32" :
		    "has no usable prefix length, expected 0 to 128";
	return check(net, any_allowed);
}

const char *
network_format(const struct conf_net *net, char *text)
{
	char ip[ADDR_TEXT_MAX];

	if (net->addr.family == AF_UNSPEC)
		snprintf(text, NETWORK_TEXT_MAX, "any");
	else if (net->prefix == bits_of(&net->addr))
		addr_format(&net->addr, text);
	else
		snprintf(text, NETWORK_TEXT_MAX, "%s/%u",
		    addr_format(&net->addr, ip), (unsigned)net->prefix);
	return text;
}

bool
network_has(const struct conf_net *net, const struct addr *addr)
{
	return net->addr.family == AF_UNSPEC ||
	    addr_is_in(addr, &net->addr, net->prefix);
}

bool
network_has_any(const struct conf *conf, struct conf_nets nets)
{
	uint32_t i;

	for (i = 0; i < nets.n; i++)
		if (conf->net[nets.first + i].addr.family == AF_UNSPEC)
			return true;
	return false;
}

bool
network_covers(const struct conf_net *outer, const struct conf_net *inner)
{
	if (inner->addr.family == AF_UNSPEC)
		return outer->addr.family == AF_UNSPEC;
	return (outer->addr.family == AF_UNSPEC ||
		outer->prefix <= inner->prefix) &&
	    network_has(outer, &inner->addr);
}
