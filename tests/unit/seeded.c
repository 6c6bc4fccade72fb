/* Random numbers that come again with the same seed. */
#include "unit/seeded.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static uint64_t seed = 1;

void
seeded_begin(void)
{
	const char *given = getenv("SEED");

	seed = given != NULL ? strtoull(given, NULL, 10)
			     : (uint64_t)time(NULL) * 2654435761u;
	seed += seed == 0;
	fprintf(stderr, "# SEED=%llu\n", (unsigned long long)seed);
}

uint64_t
seeded_number(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

unsigned
seeded_below(unsigned n)
{
	return (unsigned)(seeded_number() >> 24) % n;
}
