/* The report of forkgreet --load. */
#include "config.h"

#include "client/load_report.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/json.h"
#include "shared/escape.h"

#define BAR 40 /* characters of the histogram's longest bar */
#define POWERS 32 /* of the histogram: times are below 1 << POWERS us */

/* How a connection may end, and what that means. */
struct kind {
	const char *text;
	enum status status;
};

/* CROWD_TURNED_AWAY and CROWD_WRONG need a text that is expected. */
static const struct kind kinds[CROWD_ENDS] = {
	[CROWD_GREETED] = { "greeted", STATUS_OK },
	[CROWD_REFUSED] = { "refused", STATUS_REFUSED },
	[CROWD_RESET] = { "reset", STATUS_RESET },
	[CROWD_TIMEOUT] = { "timed out", STATUS_TIMEOUT },
	[CROWD_SHORT] = { "ended without a greeting", STATUS_RESET },
	[CROWD_PORTS] = { "no local port left", STATUS_SYSTEM },
	[CROWD_LOCAL] = { "not made by this system", STATUS_SYSTEM },
	[CROWD_OTHER] = { "other error", STATUS_REFUSED },
};

struct percentile {
	const char *name;
	unsigned permille;
};

static const struct percentile percentiles[] = {
	{ "p50", 500 },
	{ "p90", 900 },
	{ "p99", 990 },
	{ "p99.9", 999 },
	{ "max", 1000 },
};

#define PERCENTILES (sizeof(percentiles) / sizeof(percentiles[0]))

enum status
load_status(const struct crowd_result *result)
{
	enum crowd_end most = CROWD_GREETED;
	uint64_t count = 0;

	for (int i = CROWD_GREETED + 1; i < CROWD_ENDS; i++) {
		if (result->ends[i] > 0 && kinds[i].status == STATUS_SYSTEM)
			return STATUS_SYSTEM;
		if (result->ends[i] > count) {
			count = result->ends[i];
			most = (enum crowd_end)i;
		}
	}
	return kinds[most].status;
}

static uint64_t
count_ended(const struct crowd_result *result)
{
	uint64_t ended = 0;

	for (int i = 0; i < CROWD_ENDS; i++)
		ended += result->ends[i];
	return ended;
}

static double
seconds_of(const struct crowd_result *result)
{
	return (double)result->elapsed_ns / 1e9;
}

/* Greeted a second. */
static double
rate_of(const struct crowd_result *result)
{
	if (result->elapsed_ns == 0)
		return 0;
	return (double)result->ends[CROWD_GREETED] / seconds_of(result);
}

/* The largest is exact. */
static uint64_t
microseconds(const struct histogram *times, const struct percentile *which)
{
	if (which->permille == 1000)
		return times->max;
	return histogram_permille(times, which->permille);
}

static void
put_times(FILE *out, const char *name, const struct histogram *times)
{
	fprintf(out, "%-14s", name);
	for (size_t i = 0; i < PERCENTILES; i++)
		fprintf(out, " %10.3f",
		    (double)microseconds(times, &percentiles[i]) / 1000);
	fputc('\n', out);
}

static void
put_percentiles(FILE *out, const struct crowd_result *result)
{
	fprintf(out, "\n%-14s", "milliseconds");
	for (size_t i = 0; i < PERCENTILES; i++)
		fprintf(out, " %10s", percentiles[i].name);
	fputc('\n', out);
	put_times(out, "first byte", &result->first_byte);
	put_times(out, "end of stream", &result->end_of_stream);
}

/* How many took from 1 << power to less than twice that, in microseconds; the
 * first takes those below, too. */
static uint64_t
row_count(const struct histogram *times, unsigned power)
{
	return histogram_below(times, power + 1) -
	    (power == 0 ? 0 : histogram_below(times, power));
}

static void
put_row(FILE *out, const struct histogram *times, unsigned power, uint64_t most)
{
	static const char bar[BAR + 1] =
	    "########################################";
	uint64_t count = row_count(times, power);

	fprintf(out, "%12.3f %10" PRIu64 " %.*s\n",
	    (double)(UINT64_C(2) << power) / 1000, count,
	    (int)((count * BAR + most - 1) / most), bar);
}

/* Powers of two, without the empty ones at both ends. */
static void
put_histogram(FILE *out, const struct histogram *times)
{
	unsigned first = POWERS, last = 0, power;
	uint64_t most = 0, count;

	for (power = 0; power < POWERS; power++) {
		count = row_count(times, power);
		if (count > most)
			most = count;
		if (count > 0)
			last = power;
		if (count > 0 && first == POWERS)
			first = power;
	}
	fprintf(out, "\n%12s %10s\n", "below ms", "ended");
	for (power = first; power <= last; power++)
		put_row(out, times, power, most);
}

static void
put_kinds(FILE *out, const struct crowd_result *result)
{
	for (int i = 0; i < CROWD_ENDS; i++)
		if (kinds[i].text != NULL &&
		    (i == CROWD_GREETED || result->ends[i] > 0))
			fprintf(out, "%10" PRIu64 " %s\n", result->ends[i],
			    kinds[i].text);
	if (result->unfinished > 0)
		fprintf(out, "%10" PRIu64 " unfinished\n", result->unfinished);
	if (result->ends[CROWD_PORTS] > 0)
		fputs("All local ports were in use: the server lets the client "
		      "close first,\nor -c is too large.\n", out);
	else if (result->error != 0)
		fprintf(out, "Last error: %s\n", strerror(result->error));
}

static void
put_text(FILE *out, const struct crowd_order *order,
    const struct crowd_result *result, const char *label)
{
	char shown[1024];

	escape_text(shown, sizeof(shown), label, strlen(label), "");
	fprintf(out, "%" PRIu64 " of %" PRIu64
		     " connections to %s, %u at a time, in %.3f s\n"
		     "%.1f greetings a second\n\n",
	    count_ended(result), order->total, shown, order->at,
	    seconds_of(result), rate_of(result));
	put_kinds(out, result);
	if (result->end_of_stream.count == 0)
		return;
	put_percentiles(out, result);
	put_histogram(out, &result->end_of_stream);
}

static void
put_json_times(
    struct json *json, const char *name, const struct histogram *times)
{
	struct json inner = json_object(json, name);

	for (size_t i = 0; i < PERCENTILES; i++)
		json_seconds(&inner, percentiles[i].name,
		    (double)microseconds(times, &percentiles[i]) / 1e6);
	json_end(&inner);
}

/* A member for each row: how many took less than so many microseconds. */
static void
put_json_histogram(struct json *json, const struct histogram *times)
{
	struct json inner = json_object(json, "histogram_us");
	char name[sizeof("18446744073709551615")];

	for (unsigned power = 0; power < POWERS; power++) {
		if (row_count(times, power) == 0)
			continue;
		snprintf(name, sizeof(name), "%" PRIu64, UINT64_C(2) << power);
		json_number(&inner, name, row_count(times, power));
	}
	json_end(&inner);
}

static void
put_json(FILE *out, const struct crowd_order *order,
    const struct crowd_result *result, const char *label)
{
	struct json json, ends;

	json_begin(&json, out);
	json_number(&json, "exit_status", (uint64_t)load_status(result));
	json_string(&json, "server", label);
	json_number(&json, "total", order->total);
	json_number(&json, "at_a_time", order->at);
	json_number(&json, "ended", count_ended(result));
	json_number(&json, "unfinished", result->unfinished);
	json_bool(&json, "interrupted", *order->stop != 0);
	json_seconds(&json, "seconds", seconds_of(result));
	json_seconds(&json, "per_second", rate_of(result));
	ends = json_object(&json, "ends");
	for (int i = 0; i < CROWD_ENDS; i++)
		if (kinds[i].text != NULL)
			json_number(&ends, crowd_end_names[i], result->ends[i]);
	json_end(&ends);
	put_json_times(&json, "first_byte_seconds", &result->first_byte);
	put_json_times(&json, "end_of_stream_seconds", &result->end_of_stream);
	put_json_histogram(&json, &result->end_of_stream);
	if (result->error != 0)
		json_string(&json, "error", strerror(result->error));
	json_end(&json);
	fputc('\n', out);
}

char *
load_report(const struct crowd_order *order, const struct crowd_result *result,
    const char *label, bool json)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	if (json)
		put_json(out, order, result, label);
	else
		put_text(out, order, result, label);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
