/* The address of a listener, as text and as data. */
#ifndef MASTER_ADDRESS_H
#define MASTER_ADDRESS_H

#include <stdbool.h>

#include "master/config/conf.h"

/* What a UNIX socket's begins with. */
#define ADDRESS_UNIX "unix:"

/* Room for the longest text of address_format() with a port: a UNIX socket's. */
#define ADDRESS_TEXT_MAX (sizeof(ADDRESS_UNIX) + CONF_SOCKET_MAX)

/*
 * Parses a numeric address with an optional "%scope" (RFC 4007 section 11), or
 * "unix:" with an absolute path or "@NAME", into *address; port and line become
 * 0.  Nothing is resolved.  Returns NULL, or a static "is not ..., expected ...".
 */
const char *address_parse(const char *text, struct conf_address *address);

/* True for that of a UNIX socket, and for one that has a file. */
bool address_is_unix(const struct conf_address *address);
bool address_has_file(const struct conf_address *address);

/* True when all addresses of the listener are UNIX sockets. */
bool address_are_unix(
    const struct conf *conf, const struct conf_listener *listener);

/* True when the text is that of the same UNIX socket, path or "@NAME". */
bool address_same_path(const struct conf_address *address, const char *path);

/* True when both scopes are the same interface, by name or by index. */
bool address_same_scope(
    const struct conf_address *a, const struct conf_address *b);

/* Writes "ADDRESS", "ADDRESS%SCOPE", or "unix:PATH" to text, which has room for
 * ADDRESS_TEXT_MAX bytes.  Returns text. */
const char *address_format(const struct conf_address *address, char *text);

/* The same with the port: "ADDRESS:PORT", IPv6 in brackets.  A UNIX socket has
 * none. */
const char *address_format_port(const struct conf_address *address, char *text);

#endif
