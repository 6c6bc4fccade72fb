/* Collects errors and warnings, and makes them fit to be shown. */
#include "config.h"

#include "master/system/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/escape.h"

#define TEXT_MAX 10240 /* bytes: two paths of PATH_MAX, and words */

/* Bytes of a word that is shortened. */
#define WORD_KEPT_START 40
#define WORD_KEPT_END 80
#define WORD_CUT_MIN 16

/* The longest run without a blank, and its length. */
static char *
longest_word(char *text, size_t *longest)
{
	char *at = text, *word = text;
	size_t length;

	*longest = 0;
	for (; *at != '\0'; at += length) {
		at += strspn(at, " ");
		length = strcspn(at, " ");
		if (length > *longest) {
			*longest = length;
			word = at;
		}
	}
	return word;
}

static bool
is_inside_character(char byte)
{
	return ((unsigned char)byte & 0xc0) == 0x80;
}

/* What makes a text too long, by that many bytes, is a path or a name.  Start and
 * end of it are kept: the line's number is behind a path, and why it is said
 * comes last.  Returns false when there is no such word. */
static bool
shorten(char *text, size_t excess)
{
	size_t word, from = WORD_KEPT_START, to;
	char *at = longest_word(text, &word);

	if (word < WORD_KEPT_START + WORD_KEPT_END + WORD_CUT_MIN)
		return false;
	to = from + excess + sizeof("...");
	if (to > word - WORD_KEPT_END)
		to = word - WORD_KEPT_END;
	while (is_inside_character(at[from]))
		from--;
	while (is_inside_character(at[to]))
		to++;
	memcpy(at + from, "...", 3);
	memmove(at + from + 3, at + to, strlen(at + to) + 1);
	return true;
}

/* Returns where the next line goes, or NULL.  An error may take the place of
 * the newest warning, and stays behind what was there before it. */
static struct report_line *
line_add(struct report *report, bool warning)
{
	size_t i = report->kept;

	if (i < REPORT_LINES_MAX)
		return &report->lines[report->kept++];
	if (warning)
		return NULL;
	while (i > 0 && !report->lines[i - 1].warning)
		i--;
	if (i == 0)
		return NULL;
	memmove(&report->lines[i - 1], &report->lines[i],
	    (REPORT_LINES_MAX - i) * sizeof(report->lines[0]));
	return &report->lines[REPORT_LINES_MAX - 1];
}

static void add(struct report *report, bool warning, const char *format,
    va_list list) __attribute__((format(printf, 3, 0)));

static void
add(struct report *report, bool warning, const char *format, va_list list)
{
	struct report_line *line = line_add(report, warning);
	static char text[TEXT_MAX], all[TEXT_MAX * ESCAPE_BYTE_MAX];
	size_t length;

	if (line == NULL)
		return;
	if (vsnprintf(text, sizeof(text), format, list) < 0)
		text[0] = '\0';
	line->warning = warning;
	do
		length = escape_text(all, sizeof(all), text, strlen(text), "");
	while (length >= sizeof(line->text) &&
	    shorten(text, length - sizeof(line->text)));
	escape_text(line->text, sizeof(line->text), text, strlen(text), "");
}

static void fail(struct report *report, enum exit_status cause,
    const char *format, va_list list) __attribute__((format(printf, 3, 0)));

static void
fail(struct report *report, enum exit_status cause, const char *format,
    va_list list)
{
	if (report->errors++ == 0)
		report->cause = cause;
	add(report, false, format, list);
}

void
report_error(struct report *report, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fail(report, EXIT_CONFIG, format, list);
	va_end(list);
}

void
report_failure(
    struct report *report, enum exit_status cause, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fail(report, cause, format, list);
	va_end(list);
}

void
report_warning(struct report *report, const char *format, ...)
{
	va_list list;

	report->warnings++;
	va_start(list, format);
	add(report, true, format, list);
	va_end(list);
}

const char *
report_first_error(const struct report *report)
{
	size_t i;

	for (i = 0; i < report->kept; i++)
		if (!report->lines[i].warning)
			return report->lines[i].text;
	return "";
}

size_t
report_left_out(const struct report *report)
{
	return report->errors + report->warnings - report->kept;
}
