/* Time that nobody can set. */
#ifndef MASTER_CLOCK_H
#define MASTER_CLOCK_H

#include <sys/resource.h>

#include <stdint.h>
#include <time.h>

#define CLOCK_MS INT64_C(1000)
#define CLOCK_SECOND INT64_C(1000000)
#define CLOCK_NEVER INT64_MAX

/* CLOCK_MONOTONIC in microseconds. */
static inline int64_t
clock_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * CLOCK_SECOND + now.tv_nsec / 1000;
}

/* The processor's time that a process used, in microseconds. */
static inline int64_t
clock_cpu(const struct rusage *usage)
{
	return (usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) *
	    CLOCK_SECOND +
	    usage->ru_utime.tv_usec + usage->ru_stime.tv_usec;
}

/* The earlier of two points in time; CLOCK_NEVER is later than any. */
static inline int64_t
clock_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

#endif
