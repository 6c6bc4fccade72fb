/* What has been counted, by listener. */
#include "config.h"

#include "master/clients/counters.h"

#include <assert.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/system/log.h"

static const char *const refusal_names[REFUSAL_COUNT] = {
	[REFUSAL_BUSY] = "busy",
	[REFUSAL_RATE] = "rate",
	[REFUSAL_BUSY_PER_SOURCE] = "busy_per_source",
	[REFUSAL_RATE_PER_SOURCE] = "rate_per_source",
	[REFUSAL_DENIED] = "denied",
	[REFUSAL_NO_RESOURCES] = "no_resources",
};

const char *
refusal_name(enum refusal refusal)
{
	return refusal_names[refusal];
}

/* A row without a name is free. */
static struct stats_row *
row_of(const struct stats *stats, const char *name)
{
	size_t i;

	for (i = 0; i < stats->n_rows; i++)
		if (strcmp(stats->rows[i].name, name) == 0)
			return &stats->rows[i];
	return NULL;
}

int
stats_prepare(struct stats *stats, const char *const *names, size_t n)
{
	struct stats_row *rows, *row;
	size_t i;

	rows = reallocarray(
	    stats->rows, stats->n_rows + n, sizeof(*stats->rows));
	if (rows == NULL)
		return -1;
	stats->rows = rows;
	for (i = 0; i < n; i++) {
		if (row_of(stats, names[i]) != NULL)
			continue;
		row = row_of(stats, "");
		if (row == NULL)
			row = &stats->rows[stats->n_rows++];
		memset(row, 0, sizeof(*row));
		row->session = -1;
		snprintf(row->name, sizeof(row->name), "%s", names[i]);
	}
	return 0;
}

void
stats_use(struct stats *stats, const char *const *names, size_t n)
{
	size_t i;

	for (i = 0; i < stats->n_rows; i++)
		stats->rows[i].session = -1;
	for (i = 0; i < n; i++)
		stats->rows[stats_find(stats, names[i])].session = (int)i;
	stats_tidy(stats);
}

size_t
stats_find(const struct stats *stats, const char *name)
{
	const struct stats_row *row = row_of(stats, name);

	assert(row != NULL);
	return (size_t)(row - stats->rows);
}

void
stats_tidy(struct stats *stats)
{
	struct stats_row *row;
	size_t i, j;

	for (i = 0; i < stats->n_rows; i++) {
		row = &stats->rows[i];
		if (row->session != -1 || row->live != 0)
			continue;
		stats->gone.accepted += row->accepted;
		for (j = 0; j < REFUSAL_COUNT; j++)
			stats->gone.refused[j] += row->refused[j];
		for (j = 0; j < OUTCOME_COUNT; j++)
			stats->gone.ended[j] += row->ended[j];
		memset(row, 0, sizeof(*row));
		row->session = -1;
	}
}

void
stats_accept(struct stats *stats, size_t row)
{
	stats->rows[row].accepted++;
	stats->rows[row].live++;
	stats->live++;
}

void
stats_refuse(struct stats *stats, size_t row, enum refusal why)
{
	stats->rows[row].refused[why]++;
	stats->rows[row].live--;
	stats->live--;
}

void
stats_end(struct stats *stats, size_t row, enum outcome how)
{
	stats->rows[row].ended[how]++;
	stats->rows[row].live--;
	stats->live--;
}

static void
row_log(const struct stats_row *row, const char *name)
{
	char text[LOG_LINE_MAX];
	size_t n, i;

	n = (size_t)snprintf(text, sizeof(text),
	    "counters listener=%s accepted=%" PRIu64 " live=%" PRIu32, name,
	    row->accepted, row->live);
	for (i = 0; i < REFUSAL_COUNT && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    " refused_%s=%" PRIu64, refusal_name((enum refusal)i),
		    row->refused[i]);
	for (i = 0; i < OUTCOME_COUNT && n < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
		    " ended_%s=%" PRIu64, outcome_name((enum outcome)i),
		    row->ended[i]);
	log_line(LOG_INFO, "%s", text);
}

void
stats_log(const struct stats *stats)
{
	size_t i;

	for (i = 0; i < stats->n_rows; i++)
		if (stats->rows[i].name[0] != '\0')
			row_log(&stats->rows[i], stats->rows[i].name);
	if (stats->gone.accepted > 0)
		row_log(&stats->gone, "-");
	log_line(LOG_INFO,
	    "counters live=%" PRIu32 " sent_bytes=%" PRIu64
	    " child_cpu_us=%" PRIu64 " accept_failures=%" PRIu64
	    " fork_failures=%" PRIu64 " spawner_starts=%" PRIu64
	    " reloads_ok=%" PRIu64 " reloads_failed=%" PRIu64
	    " log_dropped=%" PRIu64,
	    stats->live, stats->sent_bytes, stats->cpu_us,
	    stats->accept_failures, stats->fork_failures,
	    stats->spawner_starts, stats->reloads_ok, stats->reloads_failed,
	    log_dropped());
}
