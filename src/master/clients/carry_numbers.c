/* Carrying counters that are told apart by a name over an exec: another version of
 * the program may have more of them, or fewer, or in another order. */
#include "config.h"

#include <stdio.h>
#include <string.h>

#include "master/clients/carry.h"
#include "master/clients/counters.h"
#include "master/system/pack.h"

#define ROW_OF_GONE UINT32_MAX
#define ENDLESS UINT64_MAX /* above all bounds of durations */

/* One that is not 0. */
struct carried_number {
	char kind[16];
	uint32_t row; /* the listener's; ROW_OF_GONE: of those removed */
	char name[32];
	uint64_t number; /* instead of a name: the errno, the bound */
	uint64_t count;
};
static const struct pack_field number_fields[] = {
	PACK_FIELD(carried_number, kind),
	PACK_FIELD(carried_number, row),
	PACK_FIELD(carried_number, name),
	PACK_FIELD(carried_number, number),
	PACK_FIELD(carried_number, count),
};
static const struct pack_table number_table =
    PACK_TABLE("numbers", number_fields);

/* -------------------------------------------------------------------- writing */

static void
put(struct pack *pack, const char *kind, uint32_t row, const char *name,
    uint64_t number, uint64_t count)
{
	struct carried_number carried;

	if (count == 0)
		return;
	memset(&carried, 0, sizeof(carried));
	carried.row = row;
	carried.number = number;
	carried.count = count;
	snprintf(carried.kind, sizeof(carried.kind), "%s", kind);
	snprintf(carried.name, sizeof(carried.name), "%s", name);
	pack_row(pack, &number_table, &carried);
}

static void
put_row(struct pack *pack, uint32_t index, const struct counters_row *row)
{
	int i;

	for (i = 0; i < REFUSAL_COUNT; i++)
		put(pack, "refused", index, refusal_name((enum refusal)i), 0,
		    row->refused[i]);
	for (i = 0; i < OUTCOME_COUNT; i++)
		put(pack, "ended", index, outcome_name((enum outcome)i), 0,
		    row->ended[i]);
}

void
carry_pack_numbers(struct pack *pack, const struct counters *counters)
{
	uint32_t i;

	pack_table(pack, &number_table);
	for (i = 0; i < counters->n_rows; i++)
		put_row(pack, i, &counters->rows[i]);
	put_row(pack, ROW_OF_GONE, &counters->gone);
	for (i = 0; i < COUNTERS_ERRNO_MAX; i++)
		put(pack, "accept error", 0, "", i, counters->accept_errors[i]);
	for (i = 0; i <= DURATIONS_BOUNDS; i++)
		put(pack, "duration", 0, "", i == DURATIONS_BOUNDS ? ENDLESS :
			(uint64_t)durations_bounds[i].us,
		    counters->durations.count[i]);
}

/* -------------------------------------------------------------------- reading */

static uint64_t *
find_refused(struct counters_row *row, const char *name)
{
	int i;

	for (i = 0; i < REFUSAL_COUNT; i++)
		if (strcmp(name, refusal_name((enum refusal)i)) == 0)
			return &row->refused[i];
	return NULL;
}

static uint64_t *
find_ended(struct counters_row *row, const char *name)
{
	int i;

	for (i = 0; i < OUTCOME_COUNT; i++)
		if (strcmp(name, outcome_name((enum outcome)i)) == 0)
			return &row->ended[i];
	return NULL;
}

/* One that we have no name for was not accepted, so that the sums hold. */
static void
take_of_row(struct counters *counters, const struct carried_number *carried,
    uint64_t *(*find)(struct counters_row *row, const char *name))
{
	struct counters_row *row = carried->row < counters->n_rows ?
	    &counters->rows[carried->row] : &counters->gone;
	uint64_t *counter = find(row, carried->name);

	if (counter != NULL)
		*counter += carried->count;
	else
		row->accepted -= carried->count < row->accepted ?
		    carried->count : row->accepted;
}

/* In the range that has that bound. */
static void
take_duration(struct durations *durations, const struct carried_number *carried)
{
	size_t i = 0;

	while (i < DURATIONS_BOUNDS &&
	    carried->number > (uint64_t)durations_bounds[i].us)
		i++;
	durations->count[i] += carried->count;
}

static void
take(struct counters *counters, const struct carried_number *carried)
{
	if (strcmp(carried->kind, "refused") == 0)
		take_of_row(counters, carried, find_refused);
	else if (strcmp(carried->kind, "ended") == 0)
		take_of_row(counters, carried, find_ended);
	else if (strcmp(carried->kind, "accept error") == 0)
		counters->accept_errors[carried->number < COUNTERS_ERRNO_MAX ?
			carried->number : 0] += carried->count;
	else if (strcmp(carried->kind, "duration") == 0)
		take_duration(&counters->durations, carried);
}

void
carry_unpack_numbers(const struct unpack *unpack, struct counters *counters)
{
	struct carried_number carried;
	size_t i, n = unpack_count(unpack, &number_table);

	for (i = 0; i < n; i++) {
		memset(&carried, 0, sizeof(carried));
		unpack_row(unpack, &number_table, i, &carried);
		carried.kind[sizeof(carried.kind) - 1] = '\0';
		carried.name[sizeof(carried.name) - 1] = '\0';
		take(counters, &carried);
	}
}
