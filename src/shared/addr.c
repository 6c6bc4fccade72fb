/* Parsing, formatting, comparing and masking addresses. */
#include "config.h"

#include "shared/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "shared/number.h"

#define UID_PREFIX "uid:"
#define UID_MAX (UINT32_MAX - 1) /* (uid_t)-1 is nobody's */

int
addr_parse(struct addr *addr, const char *text)
{
	memset(addr, 0, sizeof(*addr));
	if (inet_pton(AF_INET, text, addr->bytes) == 1) {
		addr->family = AF_INET;
		return 0;
	}
	if (inet_pton(AF_INET6, text, addr->bytes) == 1) {
		addr->family = AF_INET6;
		return 0;
	}
	memset(addr, 0, sizeof(*addr));
	return -1;
}

struct addr
addr_of_peer(uint32_t uid, uint32_t pid)
{
	struct addr addr = { .family = AF_UNIX, .scope = pid };
	uint32_t bytes = htonl(uid);

	memcpy(addr.bytes, &bytes, sizeof(bytes));
	return addr;
}

uint32_t
addr_uid(const struct addr *addr)
{
	uint32_t bytes;

	memcpy(&bytes, addr->bytes, sizeof(bytes));
	return ntohl(bytes);
}

int
addr_parse_source(struct addr *addr, const char *text)
{
	size_t length = strlen(UID_PREFIX);
	int64_t uid;

	if (strncmp(text, UID_PREFIX, length) != 0)
		return addr_parse(addr, text);
	memset(addr, 0, sizeof(*addr));
	if (text[length] == '-' ||
	    number_parse(text + length, 0, UID_MAX, &uid) == -1)
		return -1;
	*addr = addr_of_peer((uint32_t)uid, 0);
	return 0;
}

const char *
addr_format(const struct addr *addr, char *text)
{
	char name[IF_NAMESIZE];
	size_t length;

	if (addr->family == AF_UNIX) {
		snprintf(text, ADDR_TEXT_MAX, UID_PREFIX "%u",
		    (unsigned)addr_uid(addr));
		return text;
	}
	if (addr->family == AF_UNSPEC ||
	    inet_ntop(addr->family, addr->bytes, text, INET6_ADDRSTRLEN) ==
		NULL) {
		memcpy(text, "-", 2);
		return text;
	}
	if (addr->scope != 0) {
		length = strlen(text);
		if (if_indextoname(addr->scope, name) != NULL)
			snprintf(text + length, ADDR_TEXT_MAX - length, "%%%s",
			    name);
		else
			snprintf(text + length, ADDR_TEXT_MAX - length, "%%%u",
			    (unsigned)addr->scope);
	}
	return text;
}

const char *
addr_format_port(const struct addr *addr, char *text)
{
	char ip[ADDR_TEXT_MAX];

	addr_format(addr, ip);
	snprintf(text, ADDR_PORT_TEXT_MAX,
	    addr->family == AF_INET6 ? "[%s]:%u" : "%s:%u", ip,
	    (unsigned)addr->port);
	return text;
}

void
addr_from_sockaddr(struct addr *addr, const struct sockaddr_storage *storage)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	memset(addr, 0, sizeof(*addr));
	switch (storage->ss_family) {
	case AF_INET:
		memcpy(&in4, storage, sizeof(in4));
		addr->family = AF_INET;
		addr->port = ntohs(in4.sin_port);
		memcpy(addr->bytes, &in4.sin_addr, 4);
		break;
	case AF_INET6:
		memcpy(&in6, storage, sizeof(in6));
		addr->port = ntohs(in6.sin6_port);
		addr->family = AF_INET6;
		memcpy(addr->bytes, &in6.sin6_addr, 16);
		addr_unmap(addr);
		if (addr->family == AF_INET6)
			addr->scope = in6.sin6_scope_id;
		break;
	default:
		break;
	}
}

void
addr_unmap(struct addr *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (addr->family != AF_INET6 ||
	    memcmp(addr->bytes, mapped, sizeof(mapped)) != 0)
		return;
	addr->family = AF_INET;
	memmove(addr->bytes, addr->bytes + sizeof(mapped), 4);
	memset(addr->bytes + 4, 0, sizeof(addr->bytes) - 4);
}

bool
addr_is_sound(const struct addr *addr)
{
	static const uint8_t zero[12];

	if (addr->scope != 0)
		return false;
	return addr->family == AF_INET6 ||
	    (addr->family == AF_INET &&
		memcmp(addr->bytes + 4, zero, sizeof(zero)) == 0);
}

socklen_t
addr_to_sockaddr(const struct addr *addr, struct sockaddr_storage *storage)
{
	struct sockaddr_in in4;
	struct sockaddr_in6 in6;

	memset(storage, 0, sizeof(*storage));
	if (addr->family == AF_INET) {
		memset(&in4, 0, sizeof(in4));
		in4.sin_family = AF_INET;
		in4.sin_port = htons(addr->port);
		memcpy(&in4.sin_addr, addr->bytes, 4);
		memcpy(storage, &in4, sizeof(in4));
		return sizeof(in4);
	}
	memset(&in6, 0, sizeof(in6));
	in6.sin6_family = AF_INET6;
	in6.sin6_port = htons(addr->port);
	in6.sin6_scope_id = addr->scope;
	memcpy(&in6.sin6_addr, addr->bytes, 16);
	memcpy(storage, &in6, sizeof(in6));
	return sizeof(in6);
}

bool
addr_equal(const struct addr *a, const struct addr *b)
{
	return a->family == b->family && a->port == b->port &&
	    a->scope == b->scope &&
	    memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

void
addr_mask(struct addr *addr, unsigned prefix)
{
	unsigned whole = prefix / 8;

	addr->port = 0;
	addr->scope = 0;
	if (whole >= sizeof(addr->bytes))
		return;
	addr->bytes[whole] &= (uint8_t)(0xff00u >> prefix % 8);
	memset(addr->bytes + whole + 1, 0, sizeof(addr->bytes) - whole - 1);
}

bool
addr_is_in(const struct addr *addr, const struct addr *net, unsigned prefix)
{
	unsigned whole = prefix / 8;
	uint8_t differ;

	if (addr->family != net->family ||
	    memcmp(addr->bytes, net->bytes, whole) != 0)
		return false;
	if (prefix % 8 == 0)
		return true;
	differ = addr->bytes[whole] ^ net->bytes[whole];
	return (differ & (uint8_t)(0xff00u >> prefix % 8)) == 0;
}

bool
addr_is_any(const struct addr *addr)
{
	static const uint8_t zero[16];

	return (addr->family == AF_INET || addr->family == AF_INET6) &&
	    memcmp(addr->bytes, zero, sizeof(zero)) == 0;
}
