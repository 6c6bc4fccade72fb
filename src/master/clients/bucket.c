/* A token bucket in whole numbers. */
#include "config.h"

#include "master/clients/bucket.h"

struct bucket_rule
bucket_rule(int64_t rate, int64_t burst)
{
	if (burst == 0)
		burst = rate == 0 ? 1 : (rate + 999) / 1000;
	return (struct bucket_rule){ rate, burst };
}

void
bucket_fill(struct bucket *bucket, const struct bucket_rule *rule, int64_t now)
{
	bucket->level = rule->burst * BUCKET_TOKEN;
	bucket->at = now;
}

/* Microseconds that it takes to add so much, rounded up. */
static int64_t
time_of(int64_t amount, const struct bucket_rule *rule)
{
	return (amount + rule->rate - 1) / rule->rate;
}

void
bucket_run(struct bucket *bucket, const struct bucket_rule *rule, int64_t now)
{
	int64_t missing = rule->burst * BUCKET_TOKEN - bucket->level;

	if (rule->rate == 0)
		return;
	/* More than enough is there when a reload has made the bucket
	 * smaller. */
	if (now - bucket->at >= time_of(missing, rule))
		bucket_fill(bucket, rule, now);
	else if (now > bucket->at) {
		bucket->level += (now - bucket->at) * rule->rate;
		bucket->at = now;
	}
}

int64_t
bucket_wait(struct bucket *bucket, const struct bucket_rule *rule, int64_t now)
{
	if (rule->rate == 0)
		return 0;
	bucket_run(bucket, rule, now);
	return bucket->level >= BUCKET_TOKEN ?
	    0 : time_of(BUCKET_TOKEN - bucket->level, rule);
}

void
bucket_take(struct bucket *bucket, const struct bucket_rule *rule)
{
	if (rule->rate != 0)
		bucket->level -= BUCKET_TOKEN;
}
