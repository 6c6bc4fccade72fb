/* The address of a listener, as text and as data. */
#ifndef MASTER_ADDRESS_H
#define MASTER_ADDRESS_H

#include <stdbool.h>

#include "master/config/conf.h"

/* Room for the longest text of address_format() with a port. */
#define ADDRESS_TEXT_MAX (ADDR_PORT_TEXT_MAX + 1)

/*
 * Parses a numeric address with an optional "%scope" (RFC 4007 section 11) into
 * *address; port and line become 0.  Nothing is resolved.  Returns NULL, or a
 * static "is not ..., expected ...".
 */
const char *address_parse(const char *text, struct conf_address *address);

/* True when both scopes are the same interface, by name or by index. */
bool address_same_scope(
    const struct conf_address *a, const struct conf_address *b);

/* Writes "ADDRESS", or "ADDRESS%SCOPE", to text, which has room for
 * ADDRESS_TEXT_MAX bytes.  Returns text. */
const char *address_format(const struct conf_address *address, char *text);

/* The same with the port: "ADDRESS:PORT", IPv6 in brackets. */
const char *address_format_port(const struct conf_address *address, char *text);

#endif
