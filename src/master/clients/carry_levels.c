/* Carrying the levels of limits over an exec: buckets, and sources. */
#include "config.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "master/clients/carry.h"
#include "master/clients/service.h"
#include "master/system/clock.h"
#include "master/system/pack.h"

#define ROW_OF_ALL UINT32_MAX

struct carried_bucket {
	uint32_t row; /* the listener's; ROW_OF_ALL: that of all clients */
	struct bucket bucket;
};
static const struct pack_field bucket_fields[] = {
	PACK_FIELD(carried_bucket, row),
	PACK_FIELD(carried_bucket, bucket),
};
static const struct pack_table bucket_table =
    PACK_TABLE("buckets", bucket_fields);
static const struct pack_field source_fields[] = {
	PACK_FIELD(source, key),
	PACK_FIELD(source, bucket),
};
static const struct pack_table source_table =
    PACK_TABLE("sources", source_fields);

/* Whether the log says that it is full, and not yet that this is over. */
static const struct pack_field full_fields[] = { PACK_FIELD(full, said) };
static const struct pack_table full_table = PACK_TABLE("full", full_fields);

void
carry_pack_levels(struct pack *pack, const struct service *service)
{
	const struct admit *admit = &service->admit;
	const struct sources *sources = &admit->sources;
	struct carried_bucket carried;
	uint32_t i;

	pack_table(pack, &bucket_table);
	carried = (struct carried_bucket) { ROW_OF_ALL, admit->bucket };
	pack_row(pack, &bucket_table, &carried);
	for (i = 0; i < admit->n_listeners; i++) {
		carried = (struct carried_bucket) { admit->listeners[i].row,
			admit->listeners[i].bucket };
		pack_row(pack, &bucket_table, &carried);
	}
	pack_table(pack, &source_table);
	for (i = 0; i < sources->used; i++)
		if (sources_find(sources, &sources->rows[i].key) == i)
			pack_row(pack, &source_table, &sources->rows[i]);
	pack_table(pack, &full_table);
	pack_row(pack, &full_table, &service->full);
}

static void
unpack_source(const struct source *carried, struct admit *admit, int64_t now)
{
	const struct admit_listener *listener =
	    admit_listener_of_row(admit, carried->key.listener);
	uint32_t row;

	if (listener == NULL || listener->per_source.rate == 0 ||
	    admit->sources.n_live + admit->sources.n_idle >= SOURCES_MAX - 1)
		return;
	row = sources_enter(
	    &admit->sources, &carried->key, &listener->per_source, now);
	admit->sources.rows[row].bucket = carried->bucket;
	sources_leave(&admit->sources, row, true);
}

static void
unpack_bucket(const struct carried_bucket *carried, struct admit *admit)
{
	struct admit_listener *listener =
	    admit_listener_of_row(admit, carried->row);

	if (carried->row == ROW_OF_ALL && admit->rule.rate > 0)
		admit->bucket = carried->bucket;
	else if (listener != NULL && listener->rule.rate > 0)
		listener->bucket = carried->bucket;
}

void
carry_unpack_levels(
    const struct unpack *unpack, struct service *service, int64_t now)
{
	struct carried_bucket carried;
	struct source source;
	size_t i, n = unpack_count(unpack, &bucket_table);

	for (i = 0; i < n; i++) {
		memset(&carried, 0, sizeof(carried));
		unpack_row(unpack, &bucket_table, i, &carried);
		unpack_bucket(&carried, &service->admit);
	}
	n = unpack_count(unpack, &source_table);
	for (i = 0; i < n; i++) {
		memset(&source, 0, sizeof(source));
		unpack_row(unpack, &source_table, i, &source);
		unpack_source(&source, &service->admit, now);
	}
	service->full = (struct full) { false, CLOCK_NEVER };
	unpack_row(unpack, &full_table, 0, &service->full);
}
