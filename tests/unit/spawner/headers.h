/* Headers of the PROXY protocol for tests: taken however they are split. */
#ifndef TEST_HEADERS_H
#define TEST_HEADERS_H

#include <stddef.h>
#include <stdint.h>

#include "shared/plan.h"
#include "spawner/image/proxy.h"

#define HEADERS_BOTH (PLAN_PROXY_V1 | PLAN_PROXY_V2)

/* What comes, and what is to become of it. */
struct header {
	const char *bytes;
	size_t length;
	uint32_t versions; /* PLAN_PROXY_V1, PLAN_PROXY_V2, or both */
	enum proxy_verdict verdict;
	size_t decides; /* bytes until the verdict; unfinished: all of them */
	struct addr client, server; /* AF_UNSPEC: nobody */
};

/* From its text; NULL: nobody. */
struct addr headers_addr(const char *text, uint16_t port);

/*
 * Asserts verdict, bytes taken and, of a good one, whom it declares: at once,
 * byte by byte, split at every byte (of a long header, at some), and with the
 * client's own bytes behind it, none of which is taken.
 */
void headers_check(const struct header *header);

#endif
