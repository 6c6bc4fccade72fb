/* Percentiles out of buckets that grow with the value. */
#include "config.h"

#include "shared/histogram.h"

static unsigned
bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < 128)
		return (unsigned)value;
	/* The top seven bits name the bucket within its power of two. */
	shift = 57 - (unsigned)__builtin_clzll(value);
	return shift * 64 + (unsigned)(value >> shift);
}

static uint64_t
bucket_middle(unsigned bucket)
{
	unsigned shift;

	if (bucket < 128)
		return bucket;
	shift = bucket / 64 - 1;
	return ((uint64_t)(bucket - shift * 64) << shift) +
	    (UINT64_C(1) << shift) / 2;
}

void
histogram_add(struct histogram *h, uint64_t value)
{
	if (value > UINT32_MAX)
		value = UINT32_MAX;
	if (value > h->max)
		h->max = value;
	h->buckets[bucket_of(value)]++;
	h->count++;
}

uint64_t
histogram_percentile(const struct histogram *h, unsigned percent)
{
	return histogram_permille(h, percent * 10);
}

uint64_t
histogram_below(const struct histogram *h, unsigned power)
{
	uint64_t seen = 0;
	unsigned i, end;

	end = power < 32 ? bucket_of(UINT64_C(1) << power) : HISTOGRAM_BUCKETS;
	for (i = 0; i < end; i++)
		seen += h->buckets[i];
	return seen;
}

uint64_t
histogram_permille(const struct histogram *h, unsigned permille)
{
	uint64_t seen = 0, wanted = (h->count * permille + 999) / 1000;
	uint64_t value;
	unsigned i;

	if (h->count == 0)
		return 0;
	for (i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += h->buckets[i];
		if (seen >= wanted)
			break;
	}
	value = bucket_middle(i);
	return value < h->max ? value : h->max;
}
