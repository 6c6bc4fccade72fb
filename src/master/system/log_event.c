/* Renders log events as text. */
#include "config.h"

#include "master/system/log_event.h"

#include <inttypes.h>
#include <stdio.h>

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

void
log_event_write(int priority, const char *word,
    const struct log_field *fields, size_t n)
{
	struct line line;
	size_t i;

	if (!log_wants(priority))
		return;
	line.used = 0;
	put_text(&line, word);
	for (i = 0; i < n; i++)
		if (fields[i].key != NULL)
			put_field(&line, &fields[i]);
	line.text[line.used] = '\0';
	log_line(priority, "%s", line.text);
}
