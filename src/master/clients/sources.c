/* The table of sources. */
#include "config.h"

#include "master/clients/sources.h"

#include <sys/random.h>

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "master/system/siphash.h"
#include "shared/plan.h"

static_assert(SOURCES_MAX > PLAN_CLIENT_SLOTS, "each client has a row");
static_assert(sizeof(struct source_key) == 24, "no padding that is hashed");
static_assert(SOURCES_BYTES == 3932160, "what sources.h and the manual say");

int
sources_init(struct sources *sources)
{
	uint32_t i;

	memset(sources, 0, sizeof(*sources));
	sources->rows = calloc(SOURCES_MAX, sizeof(*sources->rows));
	sources->heads = malloc(SOURCES_MAX * sizeof(*sources->heads));
	if (sources->rows == NULL || sources->heads == NULL)
		return -1;
	for (i = 0; i < SOURCES_MAX; i++)
		sources->heads[i] = SOURCES_NONE;
	sources->free = sources->newest = sources->oldest = SOURCES_NONE;
	return getrandom(sources->hash_key, sizeof(sources->hash_key), 0) ==
		sizeof(sources->hash_key) ? 0 : -1;
}

void
sources_free(struct sources *sources)
{
	free(sources->rows);
	free(sources->heads);
}

struct source_key
source_key(const struct addr *addr, unsigned prefix, uint32_t listener)
{
	struct source_key key = { .listener = listener,
		.family = addr->family };
	struct addr masked = *addr;

	addr_mask(&masked, prefix);
	memcpy(key.bytes, masked.bytes, sizeof(key.bytes));
	return key;
}

uint64_t
sources_hash(const struct sources *sources, const struct source_key *key)
{
	return siphash(sources->hash_key, key, sizeof(*key));
}

static uint32_t *
head_of(const struct sources *sources, const struct source_key *key)
{
	return &sources->heads[sources_hash(sources, key) % SOURCES_MAX];
}

uint32_t
sources_find(const struct sources *sources, const struct source_key *key)
{
	uint32_t row = *head_of(sources, key);

	while (row != SOURCES_NONE &&
	    memcmp(&sources->rows[row].key, key, sizeof(*key)) != 0)
		row = sources->rows[row].chain;
	return row;
}

/* ---------------------------------------------------------------------- the idle */

static void
idle_add(struct sources *sources, uint32_t row)
{
	struct source *source = &sources->rows[row];

	source->newer = SOURCES_NONE;
	source->older = sources->newest;
	if (sources->newest == SOURCES_NONE)
		sources->oldest = row;
	else
		sources->rows[sources->newest].newer = row;
	sources->newest = row;
	sources->n_idle++;
}

static void
idle_remove(struct sources *sources, uint32_t row)
{
	const struct source *source = &sources->rows[row];

	if (source->newer == SOURCES_NONE)
		sources->newest = source->older;
	else
		sources->rows[source->newer].older = source->older;
	if (source->older == SOURCES_NONE)
		sources->oldest = source->newer;
	else
		sources->rows[source->older].newer = source->newer;
	sources->n_idle--;
}

/* ---------------------------------------------------------------------- rows */

void
sources_drop(struct sources *sources, uint32_t row)
{
	struct source *source = &sources->rows[row];
	uint32_t *link = head_of(sources, &source->key);

	assert(source->live == 0);
	while (*link != row)
		link = &sources->rows[*link].chain;
	*link = source->chain;
	idle_remove(sources, row);
	source->chain = sources->free;
	sources->free = row;
}

static uint32_t
take_row(struct sources *sources)
{
	uint32_t row;

	if (sources->free == SOURCES_NONE && sources->used < SOURCES_MAX)
		return sources->used++;
	if (sources->free == SOURCES_NONE) {
		/* There are fewer clients than rows, so one row is idle. */
		assert(sources->oldest != SOURCES_NONE);
		sources_drop(sources, sources->oldest);
		sources->forgotten++;
	}
	row = sources->free;
	sources->free = sources->rows[row].chain;
	return row;
}

static uint32_t
add(struct sources *sources, const struct source_key *key,
    const struct bucket_rule *rule, int64_t now)
{
	uint32_t row = take_row(sources);
	uint32_t *head = head_of(sources, key);
	struct source *source = &sources->rows[row];

	*source = (struct source){ .key = *key, .chain = *head };
	*head = row;
	bucket_fill(&source->bucket, rule, now);
	idle_add(sources, row);
	return row;
}

uint32_t
sources_enter(struct sources *sources, const struct source_key *key,
    const struct bucket_rule *rule, int64_t now)
{
	uint32_t row = sources_find(sources, key);

	if (row == SOURCES_NONE)
		row = add(sources, key, rule, now);
	if (sources->rows[row].live++ == 0) {
		idle_remove(sources, row);
		sources->n_live++;
	}
	return row;
}

void
sources_leave(struct sources *sources, uint32_t row, bool keep)
{
	assert(sources->rows[row].live > 0);
	if (--sources->rows[row].live > 0)
		return;
	sources->n_live--;
	idle_add(sources, row);
	if (!keep)
		sources_drop(sources, row);
}

/* A free row has no live clients either. */
void
sources_recount(struct sources *sources)
{
	uint32_t row;

	for (row = 0; row < sources->used; row++) {
		if (sources->rows[row].live == 0)
			continue;
		sources->rows[row].live = 0;
		sources->n_live--;
		idle_add(sources, row);
	}
}
