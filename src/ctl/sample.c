/* One answer to "top", taken apart. */
#include "config.h"

#include "ctl/sample.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shared/number.h"

#define REFUSED "refused."
#define SOURCE "source"

/* The networks of all clients; they point into the text. */
struct list {
	char **names;
	size_t n, room;
};

static const struct {
	const char *name;
	size_t offset; /* of an int64_t */
} numbers[] = {
	{ "time_us", offsetof(struct sample, time_us) },
	{ "uptime", offsetof(struct sample, uptime) },
	{ "live", offsetof(struct sample, live) },
	{ "lingering", offsetof(struct sample, lingering) },
	{ "max_clients", offsetof(struct sample, max_clients) },
	{ "accepted", offsetof(struct sample, accepted) },
	{ "ended", offsetof(struct sample, ended) },
	{ "sent_bytes", offsetof(struct sample, sent_bytes) },
	{ "cpu_us", offsetof(struct sample, cpu_us) },
};

#define N_NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

/* What is shown is nothing but printable ASCII, and not long. */
static bool
is_word(const char *text)
{
	size_t n;

	for (n = 0; text[n] != '\0'; n++)
		if (text[n] <= ' ' || text[n] > '~' || n + 1 == SAMPLE_WORD_MAX)
			return false;
	return n > 0;
}

static int
protocol_error(void)
{
	errno = EPROTO;
	return -1;
}

static int
list_add(struct list *list, char *name)
{
	size_t room = list->room == 0 ? 256 : 2 * list->room;
	char **names;

	if (list->n == list->room) {
		names = realloc(list->names, room * sizeof(*names));
		if (names == NULL)
			return -1;
		list->names = names;
		list->room = room;
	}
	list->names[list->n++] = name;
	return 0;
}

static int
take_reason(struct sample *sample, const char *name, int64_t n)
{
	struct sample_count *count = &sample->reasons[sample->n_reasons];

	if (!is_word(name))
		return protocol_error();
	if (sample->n_reasons == SAMPLE_REASONS)
		return 0;
	snprintf(count->name, sizeof(count->name), "%s", name);
	count->n = (uint64_t)n;
	sample->n_reasons++;
	return 0;
}

static int
take_number(
    struct sample *sample, const char *name, const char *value, unsigned *seen)
{
	int64_t n;
	size_t i;

	if (number_parse(value, 0, INT64_MAX, &n) == -1)
		return protocol_error();
	if (strncmp(name, REFUSED, strlen(REFUSED)) == 0)
		return take_reason(sample, name + strlen(REFUSED), n);
	for (i = 0; i < N_NUMBERS; i++)
		if (strcmp(name, numbers[i].name) == 0) {
			memcpy((char *)sample + numbers[i].offset, &n,
			    sizeof(n));
			*seen |= 1U << i;
		}
	return 0;
}

/* "NAME VALUE" */
static int
take_line(
    struct sample *sample, struct list *list, char *line, unsigned *seen)
{
	char *value = strchr(line, ' ');

	if (value == NULL)
		return protocol_error();
	*value++ = '\0';
	if (strcmp(line, SOURCE) != 0)
		return take_number(sample, line, value, seen);
	return is_word(value) ? list_add(list, value) : protocol_error();
}

static int
compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Puts it where it belongs, if it is among the first. */
static void
rank(struct sample *sample, const char *name, uint64_t n)
{
	struct sample_count *counts = sample->sources;
	size_t at = sample->n_sources;

	while (at > 0 && counts[at - 1].n < n)
		at--;
	if (at == SAMPLE_SOURCES)
		return;
	if (sample->n_sources < SAMPLE_SOURCES)
		sample->n_sources++;
	memmove(&counts[at + 1], &counts[at],
	    (sample->n_sources - at - 1) * sizeof(counts[0]));
	snprintf(counts[at].name, sizeof(counts[at].name), "%s", name);
	counts[at].n = n;
}

static void
count_sources(struct sample *sample, struct list *list)
{
	size_t i, begin = 0;

	if (list->n > 0)
		qsort(list->names, list->n, sizeof(*list->names), compare);
	for (i = 1; i <= list->n; i++) {
		if (i < list->n &&
		    strcmp(list->names[i], list->names[begin]) == 0)
			continue;
		rank(sample, list->names[begin], i - begin);
		begin = i;
	}
}

int
sample_parse(struct sample *sample, char *text)
{
	struct list list = { 0 };
	unsigned seen = 0;
	int result = 0;
	char *line;

	*sample = (struct sample) { 0 };
	while (result == 0 && (line = strsep(&text, "\n")) != NULL)
		if (*line != '\0')
			result = take_line(sample, &list, line, &seen);
	if (result == 0 && seen != (1U << N_NUMBERS) - 1)
		result = protocol_error();
	if (result == 0)
		count_sources(sample, &list);
	free(list.names);
	return result;
}

uint64_t
sample_refused(const struct sample *sample)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < sample->n_reasons; i++)
		sum += sample->reasons[i].n;
	return sum;
}
