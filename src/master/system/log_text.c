/* Renders log records as text. */
#include "config.h"

#include "master/system/log_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "shared/escape.h"

/* A line in the making; what does not fit is cut. */
struct line {
	size_t used;
	char text[LOG_LINE_MAX];
};

static void
put_char(struct line *line, char c)
{
	if (line->used + 1 < sizeof(line->text))
		line->text[line->used++] = c;
}

static void
put_text(struct line *line, const char *text)
{
	for (; *text != '\0'; text++)
		put_char(line, *text);
}

static void
put_quoted(struct line *line, const char *text)
{
	put_char(line, '"');
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			put_char(line, '\\');
		put_char(line, *text);
	}
	put_char(line, '"');
}

static void
put_field(struct line *line, const struct log_field *field)
{
	char number[24];

	put_char(line, ' ');
	put_text(line, field->key);
	put_char(line, '=');
	switch (field->type) {
	case LOG_FIELD_UNSIGNED:
		snprintf(number, sizeof(number), "%" PRIu64, field->number);
		put_text(line, number);
		break;
	case LOG_FIELD_SIGNED:
		snprintf(number, sizeof(number), "%" PRId64,
		    field->signed_number);
		put_text(line, number);
		break;
	case LOG_FIELD_WORD:
		put_text(line, field->text);
		break;
	case LOG_FIELD_QUOTED:
		put_quoted(line, field->text);
		break;
	}
}

static void
put_event(struct line *line, const struct log_record *record)
{
	size_t i;

	put_text(line, record->word);
	for (i = 0; i < record->n; i++)
		if (record->fields[i].key != NULL)
			put_field(line, &record->fields[i]);
}

void
log_text(char text[LOG_LINE_MAX], const struct log_record *record)
{
	struct line line = { .used = 0 };

	if (strcmp(record->word, LOG_MESSAGE) == 0)
		put_text(&line, record->fields[0].text);
	else
		put_event(&line, record);
	escape_text(text, LOG_LINE_MAX, line.text, line.used, "");
}
