/* How long sessions took. */
#include "config.h"

#include "master/clients/durations.h"

const struct durations_bound durations_bounds[DURATIONS_BOUNDS] = {
	{ 1000, "0.001" },
	{ 2500, "0.0025" },
	{ 5000, "0.005" },
	{ 10000, "0.01" },
	{ 25000, "0.025" },
	{ 50000, "0.05" },
	{ 100000, "0.1" },
	{ 250000, "0.25" },
	{ 500000, "0.5" },
	{ 1000000, "1" },
	{ 2500000, "2.5" },
	{ 5000000, "5" },
	{ 10000000, "10" },
	{ 30000000, "30" },
	{ 60000000, "60" },
};

void
durations_note(struct durations *durations, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < DURATIONS_BOUNDS && us > durations_bounds[i].us)
		i++;
	durations->count[i]++;
	durations->total_us += (uint64_t)us;
}
