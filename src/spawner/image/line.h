/* The line that is the header of the PROXY protocol's version 1. */
#ifndef SPAWNER_IMAGE_LINE_H
#define SPAWNER_IMAGE_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "shared/plan.h"

/*
 * Parses the line of n bytes, which begins with "PROXY ", ends with LF and has no
 * other LF: proxy-protocol.txt of HAProxy, 2.1.  Stores whom it declares, unless
 * declared is NULL; nothing is stored for UNKNOWN.  False: it is no such line.
 *
 * An address is the text of RFC 4291, 2.2, as senders write it with
 * inet_ntop(3): the end of an IPv6 address may be in IPv4's notation.  A port and
 * a part of an IPv4 address have no leading zeros.
 */
bool line_parse(
    const char *line, size_t n, struct plan_declared *declared);

#endif
