/* Carrying counters over an exec. */
#include "config.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/clients/carry.h"
#include "master/clients/service.h"
#include "master/generations/generation.h"
#include "master/generations/spawners.h"
#include "master/system/pack.h"

/* In their order: clients and listeners have a row's index. */
static const struct pack_field row_fields[] = {
	PACK_FIELD(counters_row, name),
	PACK_FIELD(counters_row, live),
	PACK_FIELD(counters_row, lingering),
	PACK_FIELD(counters_row, quiet),
	PACK_FIELD(counters_row, quiet_greeted),
	PACK_FIELD(counters_row, accepted),
};
static const struct pack_table row_table = PACK_TABLE("counters", row_fields);
static const struct pack_table gone_table =
    PACK_TABLE("counters of removed listeners", row_fields);

/* The numbers of the whole daemon. */
struct carried_sums {
	struct counters counters;
	uint64_t last_id;
	uint64_t generation;
	uint64_t suppressed;
};
static const struct pack_field sum_fields[] = {
	{ "live", offsetof(struct carried_sums, counters.live),
	    sizeof(uint32_t) },
	{ "lingering", offsetof(struct carried_sums, counters.lingering),
	    sizeof(uint32_t) },
	{ "sent_bytes", offsetof(struct carried_sums, counters.sent_bytes),
	    sizeof(uint64_t) },
	{ "cpu_us", offsetof(struct carried_sums, counters.cpu_us),
	    sizeof(uint64_t) },
	{ "duration_us",
	    offsetof(struct carried_sums, counters.durations.total_us),
	    sizeof(uint64_t) },
	{ "accept_failures",
	    offsetof(struct carried_sums, counters.accept_failures),
	    sizeof(uint64_t) },
	{ "fork_failures",
	    offsetof(struct carried_sums, counters.fork_failures),
	    sizeof(uint64_t) },
	{ "reloads_ok", offsetof(struct carried_sums, counters.reloads_ok),
	    sizeof(uint64_t) },
	{ "reloads_failed",
	    offsetof(struct carried_sums, counters.reloads_failed),
	    sizeof(uint64_t) },
	PACK_FIELD(carried_sums, last_id),
	PACK_FIELD(carried_sums, generation),
	PACK_FIELD(carried_sums, suppressed),
};
static const struct pack_table sum_table = PACK_TABLE("sums", sum_fields);

/* How many generations became current, by reason. */
struct carried_start {
	char reason[16];
	uint64_t count;
};
static const struct pack_field start_fields[] = {
	PACK_FIELD(carried_start, reason),
	PACK_FIELD(carried_start, count),
};
static const struct pack_table start_table = PACK_TABLE("starts", start_fields);

/* -------------------------------------------------------------------- writing */

static void
pack_counters(struct pack *pack, const struct service *service)
{
	const struct counters *counters = &service->counters;
	const struct carried_sums sums = {
		.counters = *counters,
		.last_id = service->clients.last_id,
		.generation = service->generation->spawners->generation,
		.suppressed = service->refusals.suppressed,
	};
	size_t i;

	pack_table(pack, &row_table);
	for (i = 0; i < counters->n_rows; i++)
		pack_row(pack, &row_table, &counters->rows[i]);
	pack_table(pack, &gone_table);
	pack_row(pack, &gone_table, &counters->gone);
	pack_table(pack, &sum_table);
	pack_row(pack, &sum_table, &sums);
	carry_pack_numbers(pack, counters);
}

static void
pack_starts(struct pack *pack, const struct spawners *spawners)
{
	struct carried_start carried;
	int i;

	pack_table(pack, &start_table);
	for (i = 0; i < SPAWNER_REASONS; i++) {
		memset(&carried, 0, sizeof(carried));
		snprintf(carried.reason, sizeof(carried.reason), "%s",
		    spawners_reason_name((enum spawner_reason)i));
		carried.count = spawners->starts[i];
		pack_row(pack, &start_table, &carried);
	}
}

void
carry_pack_counters(struct pack *pack, const struct service *service)
{
	pack_counters(pack, service);
	pack_starts(pack, service->generation->spawners);
}

/* -------------------------------------------------------------------- reading */

static void
unpack_starts(const struct unpack *unpack, struct spawners *spawners)
{
	struct carried_start carried;
	size_t i, n = unpack_count(unpack, &start_table);
	int reason;

	for (i = 0; i < n; i++) {
		memset(&carried, 0, sizeof(carried));
		unpack_row(unpack, &start_table, i, &carried);
		for (reason = 0; reason < SPAWNER_REASONS; reason++)
			if (strncmp(carried.reason,
				spawners_reason_name(
				    (enum spawner_reason)reason),
				sizeof(carried.reason)) == 0)
				spawners->starts[reason] = carried.count;
	}
}

const char *
carry_unpack_counters(const struct unpack *unpack, struct service *service)
{
	struct counters *counters = &service->counters;
	struct carried_sums sums = { 0 };
	size_t i, n = unpack_count(unpack, &row_table);

	counters->rows = calloc(n + 1, sizeof(*counters->rows));
	if (counters->rows == NULL)
		return "counters";
	counters->n_rows = n;
	for (i = 0; i < n; i++) {
		counters->rows[i].session = -1;
		unpack_row(unpack, &row_table, i, &counters->rows[i]);
	}
	unpack_row(unpack, &gone_table, 0, &counters->gone);
	unpack_row(unpack, &sum_table, 0, &sums);
	sums.counters.rows = counters->rows;
	sums.counters.n_rows = counters->n_rows;
	sums.counters.gone = counters->gone;
	*counters = sums.counters;
	carry_unpack_numbers(unpack, counters);
	service->clients.last_id = sums.last_id;
	service->generation->spawners->generation = sums.generation;
	service->refusals.suppressed = sums.suppressed;
	unpack_starts(unpack, service->generation->spawners);
	return NULL;
}
