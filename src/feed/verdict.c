/* What a run means. */
#include "config.h"

#include "feed/verdict.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "shared/escape.h"
#include "shared/health.h"

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

/* The first line that has more than blanks, without those around it; empty when
 * there is none. */
static struct text
first_words(const char *bytes, size_t length)
{
	const char *newline;

	for (; length > 0 && is_blank(*bytes); length--)
		bytes++;
	newline = memchr(bytes, '\n', length);
	if (newline != NULL)
		length = (size_t)(newline - bytes);
	while (length > 0 && is_blank(bytes[length - 1]))
		length--;
	return (struct text){ bytes, length };
}

/* How it ended, which cannot be that long; returns the exit status for that. */
static int
explain(const struct run_result *result, char *why, size_t size)
{
	const char *name;

	switch (result->end) {
	case RUN_EXITED:
		snprintf(why, size, "exit status %d", result->code);
		return result->code;
	case RUN_SIGNALLED:
		name = sigabbrev_np(result->code);
		if (name != NULL)
			snprintf(why, size, "ended by SIG%s", name);
		else
			snprintf(why, size, "ended by signal %d", result->code);
		return VERDICT_STATUS_SIGNAL + result->code;
	case RUN_NOT_STARTED:
		snprintf(
		    why, size, "cannot be started: %s", strerror(result->code));
		return result->code == ENOENT ? VERDICT_STATUS_NOT_FOUND :
						VERDICT_STATUS_NOT_EXECUTED;
	case RUN_STOPPED:
		snprintf(why, size, "stopped");
		return VERDICT_STATUS_SIGNAL + SIGTERM;
	case RUN_TIMED_OUT:
		snprintf(why, size, "not done in %g s",
		    (double)result->limit_ms / MS_PER_S);
		break;
	case RUN_STUCK:
		snprintf(why, size, "cannot be killed");
		break;
	}
	return VERDICT_STATUS_TIMED_OUT;
}

/* Tabs become blanks: they would be \x09. */
static size_t
bad_line(const struct run_result *result, char line[VERDICT_MAX])
{
	const size_t size = strlen("down #") + VERDICT_REASON_MAX + 1;
	struct text said = first_words(result->output, result->output_length);
	char why[VERDICT_REASON_MAX - 1], *tab;
	size_t n;

	if (said.length == 0)
		said = first_words(result->errors, result->errors_length);
	explain(result, why, sizeof(why));
	n = (size_t)snprintf(line, size, "down #%s%s", why,
	    said.length > 0 ? ": " : "");
	n += escape_text(line + n, size - n, said.at, said.length, "\t");
	while ((tab = strchr(line, '\t')) != NULL)
		*tab = ' ';
	memcpy(line + n, "\n", sizeof("\n"));
	return n + 1;
}

static size_t
good_line(const struct run_result *result, char line[VERDICT_MAX])
{
	const char *output = result->output;
	const char *newline = memchr(output, '\n', result->output_length);
	size_t n = result->output_length;
	struct health health;

	if (newline != NULL)
		n = (size_t)(newline - output);
	if (n > 0 && output[n - 1] == '\r')
		n--;
	if (n > VERDICT_WORDS_MAX)
		n = VERDICT_WORDS_MAX;
	memcpy(line, output, n);
	memcpy(line + n, "\n", sizeof("\n"));
	if (health_parse(line, n + 1, &health) == HEALTH_GOOD)
		return n + 1;
	return (size_t)snprintf(line, VERDICT_MAX, "up\n");
}

size_t
verdict_line(const struct run_result *result, char line[VERDICT_MAX])
{
	if (verdict_is_good(result))
		return good_line(result, line);
	return bad_line(result, line);
}

int
verdict_status(const struct run_result *result)
{
	char why[VERDICT_REASON_MAX];

	return explain(result, why, sizeof(why));
}
