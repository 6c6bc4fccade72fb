/* Keeps the log lines of a test. */
#include "config.h"

#include "unit/logged.h"

#include <stdio.h>
#include <string.h>

#include "master/system/log_event.h"

#define WORDS_MAX 32

static struct {
	char word[32];
	char last[LOG_LINE_MAX];
	size_t n;
} lines[WORDS_MAX];
static size_t n_words;

void __wrap_log_event_write(int priority, const char *word,
    const struct log_field *fields, size_t n);

void
logged_clear(void)
{
	n_words = 0;
}

static size_t
find(const char *word)
{
	size_t i;

	for (i = 0; i < n_words; i++)
		if (strcmp(lines[i].word, word) == 0)
			break;
	return i;
}

size_t
logged_count(const char *word)
{
	size_t i = find(word);

	return i < n_words ? lines[i].n : 0;
}

const char *
logged_last(const char *word)
{
	size_t i = find(word);

	return i < n_words ? lines[i].last : "";
}

static void
put_field(FILE *out, const struct log_field *field)
{
	fprintf(out, " %s=", field->key);
	if (field->type == LOG_FIELD_UNSIGNED)
		fprintf(out, "%ju", (uintmax_t)field->number);
	else if (field->type == LOG_FIELD_SIGNED)
		fprintf(out, "%jd", (intmax_t)field->signed_number);
	else
		fputs(field->text, out);
}

void
__wrap_log_event_write(int priority, const char *word,
    const struct log_field *fields, size_t n)
{
	size_t i = find(word), field;
	FILE *out;

	(void)priority;
	if (i == WORDS_MAX)
		return;
	if (i == n_words) {
		snprintf(lines[i].word, sizeof(lines[i].word), "%s", word);
		lines[i].n = 0;
		n_words++;
	}
	lines[i].n++;
	out = fmemopen(lines[i].last, sizeof(lines[i].last), "w");
	if (out == NULL)
		return;
	fputs(word, out);
	for (field = 0; field < n; field++)
		if (fields[field].key != NULL)
			put_field(out, &fields[field]);
	fclose(out);
}
