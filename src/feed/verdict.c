/* What a run means. */
#include "config.h"

#include "feed/verdict.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "feed/words.h"
#include "shared/escape.h"

#define MS_PER_S 1000

struct text {
	const char *at;
	size_t length;
};

bool
verdict_is_good(const struct run_result *result)
{
	return result->end == RUN_EXITED && result->code == 0;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static struct text
first_line(struct text text)
{
	const char *newline = memchr(text.at, '\n', text.length);

	if (newline != NULL)
		text.length = (size_t)(newline - text.at);
	if (text.length > 0 && text.at[text.length - 1] == '\r')
		text.length--;
	return text;
}

/* The first line that has more than blanks, without those around it; empty when
 * there is none. */
static struct text
first_words(const char *bytes, size_t length)
{
	struct text text = { bytes, length };

	for (; text.length > 0 && is_blank(*text.at); text.length--)
		text.at++;
	text = first_line(text);
	while (text.length > 0 && is_blank(text.at[text.length - 1]))
		text.length--;
	return text;
}

static struct text
said(const struct run_result *result)
{
	struct text text = first_words(result->output, result->output_length);

	if (text.length == 0)
		text = first_words(result->errors, result->errors_length);
	return text;
}

static void
signal_name(int number, char *name, size_t size)
{
	const char *abbreviation = sigabbrev_np(number);

	if (abbreviation != NULL)
		snprintf(name, size, "SIG%s", abbreviation);
	else
		snprintf(name, size, "signal %d", number);
}

/* How it ended; it cannot be that long. */
static void
describe(const struct run_result *result, char *why, size_t size)
{
	char name[32];

	switch (result->end) {
	case RUN_EXITED:
		snprintf(why, size, "exit status %d", result->code);
		break;
	case RUN_SIGNALLED:
		signal_name(result->code, name, sizeof(name));
		snprintf(why, size, "ended by %s", name);
		break;
	case RUN_TIMED_OUT:
		snprintf(why, size, "not done in %g s",
		    (double)result->limit_ms / MS_PER_S);
		break;
	case RUN_NOT_STARTED:
		snprintf(
		    why, size, "cannot be started: %s", strerror(result->code));
		break;
	case RUN_STUCK:
		snprintf(why, size, "cannot be killed");
		break;
	case RUN_STOPPED:
		snprintf(why, size, "stopped");
		break;
	}
}

/* Tabs become blanks: they would be \x09. */
static void
reason(const struct run_result *result, char to[VERDICT_REASON_MAX + 1])
{
	char why[VERDICT_REASON_MAX - 1];
	struct text text = said(result);
	size_t n;

	describe(result, why, sizeof(why));
	n = (size_t)snprintf(to, VERDICT_REASON_MAX + 1, "%s%s", why,
	    text.length > 0 ? ": " : "");
	escape_text(
	    to + n, VERDICT_REASON_MAX + 1 - n, text.at, text.length, "\t");
	for (; *to != '\0'; to++)
		if (*to == '\t')
			*to = ' ';
}

static size_t
good_line(const struct run_result *result, char line[VERDICT_MAX])
{
	struct text text =
	    first_line((struct text){ result->output, result->output_length });

	if (text.length > VERDICT_WORDS_MAX)
		text.length = VERDICT_WORDS_MAX;
	if (!words_are_health(text.at, text.length))
		text = (struct text){ "up", strlen("up") };
	memcpy(line, text.at, text.length);
	memcpy(line + text.length, "\n", sizeof("\n"));
	return text.length + 1;
}

size_t
verdict_line(const struct run_result *result, char line[VERDICT_MAX])
{
	char why[VERDICT_REASON_MAX + 1];

	if (verdict_is_good(result))
		return good_line(result, line);
	reason(result, why);
	return (size_t)snprintf(line, VERDICT_MAX, "down #%s\n", why);
}

int
verdict_status(const struct run_result *result)
{
	switch (result->end) {
	case RUN_EXITED:
		return result->code;
	case RUN_SIGNALLED:
		return VERDICT_STATUS_SIGNAL + result->code;
	case RUN_NOT_STARTED:
		if (result->code == ENOENT)
			return VERDICT_STATUS_NOT_FOUND;
		return VERDICT_STATUS_NOT_EXECUTED;
	case RUN_STOPPED:
		return VERDICT_STATUS_SIGNAL + SIGTERM;
	case RUN_TIMED_OUT:
	case RUN_STUCK:
		break;
	}
	return VERDICT_STATUS_TIMED_OUT;
}
