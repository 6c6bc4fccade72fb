/* The address of a listener, as text and as data. */
#include "config.h"

#include "master/config/address.h"

#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "master/config/text_check.h"
#include "shared/number.h"

/* True when the text before the last such character is an address. */
static bool
is_address_before(const char *text, char c, struct addr *addr)
{
	const char *end = strrchr(text, c);
	char before[ADDR_TEXT_MAX];

	if (end == NULL || (size_t)(end - text) >= sizeof(before))
		return false;
	memcpy(before, text, (size_t)(end - text));
	before[end - text] = '\0';
	return addr_parse(addr, before) == 0;
}

/* Why a text that does not parse is not an address: the most frequent
 * mistakes. */
static const char *
explain(const char *text)
{
	struct addr addr;

	if (strcmp(text, "*") == 0)
		return "is not an address, expected \"0.0.0.0\" for all of "
		       "IPv4, \"::\" for all of IPv6";
	if (text[0] == '[')
		return "is not a plain address, expected IPv6 without "
		       "brackets; the port has a key of its own";
	if (is_address_before(text, '/', &addr))
		return "is not a single address, expected one without a "
		       "prefix length";
	if (is_address_before(text, ':', &addr) && addr.family == AF_INET)
		return "is not a plain address, expected one without a "
		       "port; the port has a key of its own";
	if (text[0] == '/' || text[0] == '@')
		return "is not an address, expected \"unix:\" before the path "
		       "or name of a UNIX socket";
	return "is not a numeric address, expected IPv4 or IPv6 such as "
	       "127.0.0.1 or ::1; names are not resolved";
}

static const char *
parse_unix(const char *path, struct conf_address *address)
{
	const char *why = text_check_unix(path, strlen(path));

	if (why != NULL)
		return why;
	address->addr.family = AF_UNIX;
	memcpy(address->path, path, strlen(path));
	return NULL;
}

static const char *
check_ipv4(const struct conf_address *address)
{
	if (address->scope[0] != '\0')
		return "is IPv4 and has a scope, expected a scope on IPv6";
	if (address->addr.bytes[0] >= 224)
		return "is a multicast, broadcast or reserved address, "
		       "expected one of this machine";
	return NULL;
}

static const char *
check_ipv6(const struct conf_address *address)
{
	struct in6_addr in6;

	memcpy(&in6, address->addr.bytes, sizeof(in6));
	if (IN6_IS_ADDR_V4MAPPED(&in6))
		return "is an IPv4-mapped address, expected the IPv4 "
		       "address behind ::ffff: on its own";
	if (IN6_IS_ADDR_MULTICAST(&in6))
		return "is a multicast address, expected one of this "
		       "machine";
	if (IN6_IS_ADDR_LINKLOCAL(&in6) && address->scope[0] == '\0')
		return "is link-local and has no scope, expected one with "
		       "its interface, as in fe80::1%eth0";
	return NULL;
}

const char *
address_parse(const char *text, struct conf_address *address)
{
	const char *percent = strchr(text, '%');
	size_t length =
	    percent != NULL ? (size_t)(percent - text) : strlen(text);
	char plain[ADDR_TEXT_MAX];
	const char *why;

	memset(address, 0, sizeof(*address));
	if (strncmp(text, ADDRESS_UNIX, strlen(ADDRESS_UNIX)) == 0)
		return parse_unix(text + strlen(ADDRESS_UNIX), address);
	if (length >= sizeof(plain))
		return explain(text);
	memcpy(plain, text, length);
	plain[length] = '\0';
	if (addr_parse(&address->addr, plain) == -1)
		return explain(text);
	if (percent != NULL) {
		why = text_check_scope(percent + 1, strlen(percent + 1));
		if (why != NULL)
			return why;
		memcpy(address->scope, percent + 1, strlen(percent + 1));
	}
	return address->addr.family == AF_INET ? check_ipv4(address)
						: check_ipv6(address);
}

bool
address_is_unix(const struct conf_address *address)
{
	return address->addr.family == AF_UNIX;
}

bool
address_are_unix(
    const struct conf *conf, const struct conf_listener *listener)
{
	const struct conf_address *address =
	    &conf->address[listener->first_address];
	uint32_t i;

	for (i = 0; i < listener->n_addresses; i++)
		if (!address_is_unix(&address[i]))
			return false;
	return true;
}

bool
address_has_file(const struct conf_address *address)
{
	return address_is_unix(address) && address->path[0] == '/';
}

bool
address_same_path(const struct conf_address *address, const char *path)
{
	return address_is_unix(address) && strcmp(address->path, path) == 0;
}

/* The index of the interface, 0: it is not there. */
static unsigned
scope_index(const char *scope)
{
	int64_t index;

	if (number_parse(scope, 1, UINT32_MAX, &index) == 0)
		return (unsigned)index;
	return if_nametoindex(scope);
}

bool
address_same_scope(const struct conf_address *a, const struct conf_address *b)
{
	return strcmp(a->scope, b->scope) == 0 ||
	    (scope_index(a->scope) != 0 &&
		scope_index(a->scope) == scope_index(b->scope));
}

const char *
address_format(const struct conf_address *address, char *text)
{
	char ip[ADDR_TEXT_MAX];

	if (address_is_unix(address)) {
		snprintf(text, ADDRESS_TEXT_MAX, ADDRESS_UNIX "%.*s",
		    CONF_SOCKET_MAX, address->path);
		return text;
	}
	snprintf(text, ADDRESS_TEXT_MAX, "%s%s%.15s",
	    addr_format(&address->addr, ip),
	    address->scope[0] != '\0' ? "%" : "", address->scope);
	return text;
}

const char *
address_format_port(const struct conf_address *address, char *text)
{
	char ip[ADDRESS_TEXT_MAX];

	if (address_is_unix(address))
		return address_format(address, text);
	snprintf(text, ADDRESS_TEXT_MAX,
	    address->addr.family == AF_INET6 ? "[%.64s]:%u" : "%.64s:%u",
	    address_format(address, ip), (unsigned)address->addr.port);
	return text;
}
