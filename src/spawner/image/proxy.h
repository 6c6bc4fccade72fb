/* Judging the header of the PROXY protocol as its bytes come. */
#ifndef SPAWNER_IMAGE_PROXY_H
#define SPAWNER_IMAGE_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/plan.h"

/* A line of version 1 with its CR LF: proxy-protocol.txt of HAProxy, 2.1. */
#define PROXY_LINE_MAX 107

enum proxy_verdict {
	PROXY_UNFINISHED,
	PROXY_GOOD, /* a whole header */
	PROXY_BAD,
};

/* What has come of it.  At first all is 0 but versions. */
struct proxy {
	uint32_t versions; /* PLAN_PROXY_V1, PLAN_PROXY_V2, or both */
	uint32_t length; /* bytes of the header that have come */
	uint32_t verdict; /* enum proxy_verdict */
	uint32_t end; /* of version 2, once it is known: the header's length */
	uint32_t tlvs; /* likewise: where they begin; end: they are not read */
	uint32_t left; /* of a TLV: bytes of the value that are yet to come */
	uint32_t place; /* in a TLV's own head */
	uint32_t type; /* of the TLV */
	uint32_t sum; /* CRC32c of what has come */
	uint32_t claimed; /* the sum that a TLV says */
	bool has_sum; /* there is one */
	char head[PROXY_LINE_MAX]; /* the first bytes: the line, or of version 2
				    * all that is before the TLVs */
};

/*
 * Takes the next n bytes, and returns how many of them belong to the header: all,
 * unless the verdict is final now.  A verdict does not depend on how the bytes
 * were split.
 *
 * Versions 1 and 2 are as proxy-protocol.txt of HAProxy (2020/03/05) has them,
 * sections 2.1 and 2.2.  What it leaves to the receiver: UNSPEC, UDP and UNIX of
 * version 2 are UNKNOWN, and TLVs of a PROXY command must fill the header
 * exactly; a checksum among them is compared, the others are skipped.
 */
size_t proxy_take(struct proxy *proxy, const char *bytes, size_t n);

/* Whom a good header declares. */
void proxy_declared(
    const struct proxy *proxy, struct plan_declared *declared);

#endif
