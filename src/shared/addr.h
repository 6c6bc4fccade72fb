/* Where clients come from and go to, as plain data: numeric IPv4 and IPv6
 * addresses with a port, and who is at the other end of a UNIX socket. */
#ifndef SHARED_ADDR_H
#define SHARED_ADDR_H

#include <sys/socket.h>

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * An address.  It has no pointers: it may be compared field by field, copied,
 * and sent between processes.  AF_UNIX is no address but a peer: its user stands
 * for it, as an address does elsewhere.
 */
struct addr {
	uint8_t family; /* AF_INET, AF_INET6, AF_UNIX, or AF_UNSPEC: no address */
	uint8_t bytes[16]; /* network order; IPv4 and a uid use the first four */
	uint16_t port; /* host order; AF_UNIX: 0 */
	uint32_t scope; /* IPv6 interface index, 0: none; AF_UNIX: the pid */
};

/* Room for the longest text of addr_format(): an IPv6 address, '%', an
 * interface name (IF_NAMESIZE 16) and the NUL. */
#define ADDR_TEXT_MAX (INET6_ADDRSTRLEN + 1 + 16)
/* The same with brackets, ':' and a port, for addr_format_port(). */
#define ADDR_PORT_TEXT_MAX (ADDR_TEXT_MAX + 2 + 1 + 5)

/*
 * Parses a numeric address: dotted quad (four decimal parts, no leading zeros)
 * or the text of RFC 4291 section 2.2.  Names, brackets, ports and a "%scope"
 * are not accepted; port and scope become 0.  Returns 0, or -1 when the text is
 * not an address.
 */
int addr_parse(struct addr *addr, const char *text);

/* The same, or "uid:NUMBER", 0 to 4294967294 without leading zeros: a client's
 * source. */
int addr_parse_source(struct addr *addr, const char *text);

/* The peer with that uid and pid (0: of another namespace); and back. */
struct addr addr_of_peer(uint32_t uid, uint32_t pid);
uint32_t addr_uid(const struct addr *addr);

/*
 * Writes the address without its port to text, an IPv6 address in the form of
 * RFC 5952, with "%interface" when it has a scope (the index in digits when the
 * interface no longer exists); AF_UNIX as "uid:NUMBER", AF_UNSPEC as "-".
 * Returns text, which has room for ADDR_TEXT_MAX bytes.
 */
const char *addr_format(const struct addr *addr, char *text);

/*
 * Writes "ADDRESS:PORT", or "[ADDRESS]:PORT" for IPv6, to text, which has room
 * for ADDR_PORT_TEXT_MAX bytes.  Returns text.
 */
const char *addr_format_port(const struct addr *addr, char *text);

/*
 * Converts what accept(2) or getsockname(2) returned.  An IPv4-mapped IPv6
 * address (RFC 4291 section 2.5.5.2) becomes the IPv4 address that it stands
 * for.  A family other than IPv4 and IPv6 becomes AF_UNSPEC.
 */
void addr_from_sockaddr(
    struct addr *addr, const struct sockaddr_storage *storage);

/* An IPv4-mapped IPv6 address becomes the IPv4 address; any other stays. */
void addr_unmap(struct addr *addr);

/* True when it could be what this program made: an address of IPv4 or IPv6, and
 * nothing in the places that its family does not use.  No scope. */
bool addr_is_sound(const struct addr *addr);

/* Fills in storage for bind(2) or connect(2); returns its length. */
socklen_t addr_to_sockaddr(
    const struct addr *addr, struct sockaddr_storage *storage);

/* True when family, bytes, port and scope are all the same. */
bool addr_equal(const struct addr *a, const struct addr *b);

/*
 * Reduces an address to its network: clears the port, the scope and all bits
 * after the first prefix ones.  prefix is at most 32 for IPv4 and for a uid, and
 * 128 for IPv6; AF_UNSPEC is left as it is.
 */
void addr_mask(struct addr *addr, unsigned prefix);

/* True when the address is in the network: it has net's family and its first
 * prefix bits; ports and scopes are ignored. */
bool addr_is_in(
    const struct addr *addr, const struct addr *net, unsigned prefix);

/* True for 0.0.0.0 and ::, false for a peer. */
bool addr_is_any(const struct addr *addr);

#endif
