/* A token bucket in whole numbers: how many clients may come, and when the
 * next. */
#ifndef MASTER_CLIENTS_BUCKET_H
#define MASTER_CLIENTS_BUCKET_H

#include <stdint.h>

/* A token in the unit of bucket.level; 1 is what a rate of one thousandth of a
 * token a second adds in a microsecond. */
#define BUCKET_TOKEN INT64_C(1000000000)

struct bucket_rule {
	int64_t rate; /* thousandths of a token a second; 0: no limit */
	int64_t burst; /* tokens, the most that a bucket holds; at least 1 */
};

/*
 * level never exceeds burst, at most 10^5 tokens, so nothing overflows however
 * long no client comes.
 */
struct bucket {
	int64_t level;
	int64_t at; /* clock_now() of level */
};

/* The bucket of a rate and a burst of the configuration, where 0 is the rate
 * rounded up. */
struct bucket_rule bucket_rule(int64_t rate, int64_t burst);

/* Full. */
void bucket_fill(
    struct bucket *bucket, const struct bucket_rule *rule, int64_t now);

/* Adds the tokens up to now by that rule; none when it has no limit. */
void bucket_run(
    struct bucket *bucket, const struct bucket_rule *rule, int64_t now);

/*
 * The same, and returns the microseconds until there is a whole token, rounded
 * up: 0 when there is one, or when the rule has no limit.
 */
int64_t bucket_wait(
    struct bucket *bucket, const struct bucket_rule *rule, int64_t now);

/* Takes a token, which bucket_wait() said there is. */
void bucket_take(struct bucket *bucket, const struct bucket_rule *rule);

#endif
