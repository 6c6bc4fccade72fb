/* What is counted against an address. */
#include "config.h"

#include "master/clients/levels.h"

#include "master/clients/admit.h"

static int64_t
level_at(struct bucket bucket, const struct bucket_rule *rule, int64_t now)
{
	if (rule->rate == 0)
		return LEVELS_NONE;
	bucket_run(&bucket, rule, now);
	return bucket.level;
}

void
levels_take(struct levels *levels, const struct admit *admit,
    uint32_t listener, const struct addr *peer, int64_t now)
{
	const struct admit_listener *at = &admit->listeners[listener];
	uint32_t row = admit_find(admit, listener, peer);
	struct bucket bucket;

	bucket_fill(&bucket, &at->per_source, now);
	levels->clients = 0;
	if (row != ADMIT_NO_SOURCE) {
		bucket = admit->sources.rows[row].bucket;
		levels->clients = admit->sources.rows[row].live;
	}
	levels->source = level_at(bucket, &at->per_source, now);
	levels->listener = level_at(at->bucket, &at->rule, now);
	levels->daemon = level_at(admit->bucket, &admit->rule, now);
}

static void
set_level(struct bucket *bucket, const struct bucket_rule *rule, int64_t level,
    int64_t now)
{
	bucket_fill(bucket, rule, now);
	if (level != LEVELS_NONE && level < bucket->level)
		bucket->level = level;
}

/* Enters its clients and one more, so that there is a bucket. */
static void
give_source(const struct levels *levels, struct admit *admit,
    uint32_t listener, const struct addr *peer, int64_t now)
{
	uint32_t row = admit_restore(admit, listener, peer, now);
	int64_t i;

	if (row == ADMIT_NO_SOURCE)
		return;
	for (i = 0; i < levels->clients; i++)
		admit_restore(admit, listener, peer, now);
	set_level(&admit->sources.rows[row].bucket,
	    &admit->listeners[listener].per_source, levels->source, now);
	admit_release(admit, listener, row);
}

void
levels_give(const struct levels *levels, struct admit *admit,
    uint32_t listener, const struct addr *peer, int64_t now)
{
	struct admit_listener *at = &admit->listeners[listener];

	give_source(levels, admit, listener, peer, now);
	set_level(&at->bucket, &at->rule, levels->listener, now);
	set_level(&admit->bucket, &admit->rule, levels->daemon, now);
}
