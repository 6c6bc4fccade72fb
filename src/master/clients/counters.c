/* Counters by listener. */
#include "config.h"

#include "master/clients/counters.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/system/log_event.h"

/* A row without a name is free. */
static struct counters_row *
row_of(const struct counters *counters, const char *name)
{
	size_t i;

	for (i = 0; i < counters->n_rows; i++)
		if (strcmp(counters->rows[i].name, name) == 0)
			return &counters->rows[i];
	return NULL;
}

int
counters_prepare(struct counters *counters, const char *const *names, size_t n)
{
	struct counters_row *rows, *row;
	size_t i;

	rows = reallocarray(
	    counters->rows, counters->n_rows + n, sizeof(*counters->rows));
	if (rows == NULL)
		return -1;
	counters->rows = rows;
	for (i = 0; i < n; i++) {
		if (row_of(counters, names[i]) != NULL)
			continue;
		row = row_of(counters, "");
		if (row == NULL)
			row = &counters->rows[counters->n_rows++];
		memset(row, 0, sizeof(*row));
		row->session = -1;
		snprintf(row->name, sizeof(row->name), "%s", names[i]);
	}
	return 0;
}

void
counters_use(struct counters *counters, const char *const *names, size_t n)
{
	size_t i;

	for (i = 0; i < counters->n_rows; i++)
		counters->rows[i].session = -1;
	for (i = 0; i < n; i++)
		counters->rows[counters_find(counters, names[i])].session = (int)i;
	counters_tidy(counters);
}

size_t
counters_find(const struct counters *counters, const char *name)
{
	const struct counters_row *row = row_of(counters, name);

	assert(row != NULL);
	return (size_t)(row - counters->rows);
}

void
counters_tidy(struct counters *counters)
{
	struct counters_row *row;
	size_t i, j;

	for (i = 0; i < counters->n_rows; i++) {
		row = &counters->rows[i];
		if (row->session != -1 || row->live != 0)
			continue;
		counters->gone.accepted += row->accepted;
		for (j = 0; j < REFUSAL_COUNT; j++)
			counters->gone.refused[j] += row->refused[j];
		for (j = 0; j < OUTCOME_COUNT; j++)
			counters->gone.ended[j] += row->ended[j];
		memset(row, 0, sizeof(*row));
		row->session = -1;
	}
}

void
counters_accept(struct counters *counters, size_t row)
{
	counters->rows[row].accepted++;
	counters->rows[row].live++;
	counters->live++;
}

void
counters_refuse(struct counters *counters, size_t row, enum refusal why)
{
	counters->rows[row].refused[why]++;
	counters->rows[row].live--;
	counters->live--;
}

void
counters_end(struct counters *counters, size_t row, enum outcome how)
{
	counters->rows[row].ended[how]++;
	counters->rows[row].live--;
	counters->live--;
}

void
counters_accept_failed(struct counters *counters, int error)
{
	bool known = error > 0 && error < COUNTERS_ERRNO_MAX;

	counters->accept_failures++;
	counters->accept_errors[known ? error : 0]++;
}

void
counters_linger(struct counters *counters, size_t row)
{
	counters->rows[row].lingering++;
	counters->lingering++;
}

void
counters_unlinger(struct counters *counters, size_t row)
{
	counters->rows[row].lingering--;
	counters->lingering--;
}

/* listener, accepted, live, lingering, then a field for each reason and each outcome. */
#define ROW_FIELDS (4 + REFUSAL_COUNT + OUTCOME_COUNT)
#define ROW_KEY_MAX 40

static void
row_log(const struct counters_row *row, const char *name)
{
	char keys[ROW_FIELDS][ROW_KEY_MAX];
	struct log_field fields[ROW_FIELDS] = {
		LOG_WORD("listener", name),
		LOG_NUMBER("accepted", row->accepted),
		LOG_NUMBER("live", row->live),
		LOG_NUMBER("lingering", row->lingering),
	};
	size_t n = 4, i;

	for (i = 0; i < REFUSAL_COUNT; i++, n++) {
		snprintf(keys[n], ROW_KEY_MAX, "refused_%s",
		    refusal_name((enum refusal)i));
		fields[n] = LOG_NUMBER(keys[n], row->refused[i]);
	}
	for (i = 0; i < OUTCOME_COUNT; i++, n++) {
		snprintf(keys[n], ROW_KEY_MAX, "ended_%s",
		    outcome_name((enum outcome)i));
		fields[n] = LOG_NUMBER(keys[n], row->ended[i]);
	}
	log_event_write(LOG_INFO | LOG_ASKED, "counters", fields, n);
}

void
counters_log(const struct counters *counters)
{
	size_t i;

	for (i = 0; i < counters->n_rows; i++)
		if (counters->rows[i].name[0] != '\0')
			row_log(&counters->rows[i], counters->rows[i].name);
	if (counters->gone.accepted > 0)
		row_log(&counters->gone, "-");
}
