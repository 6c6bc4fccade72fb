/* Counts of measured times, from which percentiles are read. */
#ifndef SHARED_HISTOGRAM_H
#define SHARED_HISTOGRAM_H

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

/* The same in thousandths (1 ... 1000): 999 is p99.9. */
uint64_t histogram_permille(const struct histogram *h, unsigned permille);

/* How many values are below 1 << power, exactly; power is at most 32. */
uint64_t histogram_below(const struct histogram *h, unsigned power);

#endif
