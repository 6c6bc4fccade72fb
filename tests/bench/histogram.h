/* Counts of measured times, from which percentiles are read. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

/* Values up to UINT32_MAX: 128 exact ones, then 64 steps for each of the
 * further 25 powers of two. */
#define HISTOGRAM_BUCKETS (128 + 25 * 64)

/* All zero is an empty histogram. */
struct histogram {
	uint64_t count;
	uint64_t max; /* exact */
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

/* Counts one value; what is above UINT32_MAX counts as UINT32_MAX. */
void histogram_add(struct histogram *h, uint64_t value);

/*
 * The value that percent (1 ... 100) of the values do not exceed, within 1 %
 * (the middle of its bucket; exact below 128); 0 when there are no values.
 */
uint64_t histogram_percentile(const struct histogram *h, unsigned percent);

#endif
