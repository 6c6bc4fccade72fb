/* Collects errors and warnings, and makes them fit to be shown. */
#include "config.h"

#include "master/config/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shared/escape.h"

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
	char text[REPORT_LINE_MAX];

	if (line == NULL)
		return;
	if (vsnprintf(text, sizeof(text), format, list) < 0)
		text[0] = '\0';
	line->warning = warning;
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
report_failure(struct report *report, enum exit_status cause,
    const char *format, ...)
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
