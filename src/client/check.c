/* Judging a greeting by the monitoring-plugins development guidelines. */
#include "config.h"

#include "client/check.h"

#include <errno.h>
#include <inttypes.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/json.h"
#include "client/probe.h"
#include "shared/deadline.h"
#include "shared/escape.h"
#include "shared/output.h"

#define LINE_MAX_BYTES 1024 /* with NUL; Nagios 2 and NRPE 2 read so much */
#define WHY_MAX 512
#define SHOWN_MAX 60 /* bytes of the greeting's first line that are shown */

static const char *const state_names[] = {
	[CHECK_OK] = "OK",
	[CHECK_WARNING] = "WARNING",
	[CHECK_CRITICAL] = "CRITICAL",
	[CHECK_UNKNOWN] = "UNKNOWN",
};

/* What output_error() was called with. */
static char why[WHY_MAX];

bool
check_wanted(int argc, char **argv)
{
	static const char name[] = "--check";

	/* getopt_long() takes a part of the name, if no other begins so. */
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strlen(argv[i]) >= strlen("--ch") &&
		    (strncmp(name, argv[i], strlen(argv[i])) == 0 ||
			strncmp(argv[i], "--check=", strlen("--check=")) == 0))
			return true;
	return false;
}

void
check_prepare(void)
{
	output_keep_errors(why, sizeof(why));
}

/* A bar would begin the performance data. */
static void
put_text(FILE *line, const char *text, size_t length)
{
	char shown[ESCAPE_BYTE_MAX * WHY_MAX + 1];

	if (length > WHY_MAX)
		length = WHY_MAX;
	escape_text(shown, sizeof(shown), text, length, "");
	for (const char *at = shown; *at != '\0'; at++)
		fputs(*at == '|' ? "\\x7c" : (char[]){ *at, '\0' }, line);
}

/* Cuts text at a character, so that it is at most max bytes. */
static void
cut(char *text, size_t max)
{
	size_t length = strlen(text);

	if (length <= max)
		return;
	while (max > 0 && ((unsigned char)text[max] & 0xc0) == 0x80)
		max--;
	text[max] = '\0';
}

/* Writes to standard output, which somebody may not read, and closes it.  Less
 * cannot be said of a check than that it is unknown. */
static enum check_state
print(const char *text, enum check_state state)
{
	int64_t deadline = deadline_after(1000);

	deadline_interrupt(deadline);
	if (output_write(STDOUT_FILENO, text, strlen(text), deadline) == -1 ||
	    close(STDOUT_FILENO) == -1)
		return CHECK_UNKNOWN;
	return state;
}

static void
put_threshold(FILE *line, int64_t ms)
{
	if (ms > 0)
		fprintf(line, "%.3f", (double)ms / 1000);
	fputc(';', line);
}

/* 'label'=value[UOM];[warn];[crit];[min];[max] */
static void
put_performance(
    FILE *line, const struct check *check, const struct probe *probe)
{
	fprintf(line, " | time=%.6fs;", probe->seconds);
	put_threshold(line, check->warn_ms);
	put_threshold(line, check->crit_ms);
	fprintf(line, "0;%.3f size=%" PRIu64 "B;;;0",
	    (double)check->wait_ms / 1000, probe->bytes);
}

static void
put_greeting(FILE *line, const struct probe *probe)
{
	size_t length = 0, i;

	while (length < probe->length && length < SHOWN_MAX &&
	    probe->text[length] != '\n' && probe->text[length] != '\r')
		length++;
	fprintf(line, " greeted in %.3f s: ", probe->seconds);
	/* Cut before a character of several bytes, never in it. */
	for (i = length; i > 0 && length == SHOWN_MAX && length < probe->length &&
	     ((unsigned char)probe->text[i] & 0xc0) == 0x80;
	     i--)
		;
	put_text(line, probe->text, i);
	if (length == SHOWN_MAX && length < probe->length)
		fputs("...", line);
}

static void
put_what(FILE *line, const struct probe *probe)
{
	if (*why != '\0') {
		put_text(line, why, strlen(why));
		return;
	}
	put_text(line, probe->label, strlen(probe->label));
	put_greeting(line, probe);
}

/* True when the greeting, with LF for CR LF, has a part that is as expected. */
static bool
is_expected(const regex_t *expect, const struct probe *probe)
{
	static char text[PROBE_TEXT_MAX];
	regmatch_t match = { .rm_so = 0 };
	size_t length = 0;

	for (size_t i = 0; i < probe->length; i++)
		if (probe->text[i] != '\r' || i + 1 == probe->length ||
		    probe->text[i + 1] != '\n')
			text[length++] = probe->text[i];
	match.rm_eo = (regoff_t)length;
	return regexec(expect, text, 1, &match, REG_STARTEND) == 0;
}

/* Stores in why what is wrong, unless it has been. */
static enum check_state
judge(const struct check *check, const regex_t *expect,
    const struct probe *probe)
{
	double ms = probe->seconds * 1000;

	if (probe->status == STATUS_SYSTEM)
		return CHECK_UNKNOWN;
	if (probe->status != STATUS_OK)
		return CHECK_CRITICAL;
	if (check->expect != NULL && !is_expected(expect, probe)) {
		output_error("%s does not say what is expected",
		    probe->label);
		return CHECK_CRITICAL;
	}
	if (check->crit_ms > 0 && ms > (double)check->crit_ms)
		return CHECK_CRITICAL;
	if (check->warn_ms > 0 && ms > (double)check->warn_ms)
		return CHECK_WARNING;
	return CHECK_OK;
}

/* text is of open_memstream(3), and freed. */
static enum check_state
print_stream(FILE *stream, char **text, enum check_state state)
{
	fputc('\n', stream);
	if (fclose(stream) == EOF)
		state = CHECK_UNKNOWN;
	else
		state = print(*text, state);
	free(*text);
	return state;
}

static void
put_json(FILE *stream, const struct check *check, const struct probe *probe,
    enum check_state state)
{
	struct json json;

	json_begin(&json, stream);
	json_string(&json, "state", state_names[state]);
	json_number(&json, "exit_status", (uint64_t)state);
	probe_json(&json, probe);
	if (*why != '\0')
		json_string(&json, "error", why);
	if (check->warn_ms > 0)
		json_seconds(&json, "warn", (double)check->warn_ms / 1000);
	if (check->crit_ms > 0)
		json_seconds(&json, "crit", (double)check->crit_ms / 1000);
	json_end(&json);
}

/* What it says is cut, the performance data never is. */
static void
put_line(FILE *stream, const struct check *check, const struct probe *probe,
    enum check_state state)
{
	char what[ESCAPE_BYTE_MAX * WHY_MAX + CONNECT_LABEL_MAX];
	char performance[LINE_MAX_BYTES / 2] = "";
	FILE *part;

	part = fmemopen(what, sizeof(what), "w");
	if (part == NULL)
		return;
	put_what(part, probe);
	fclose(part);
	part = fmemopen(performance, sizeof(performance), "w");
	if (probe->status == STATUS_OK && part != NULL)
		put_performance(part, check, probe);
	if (part != NULL)
		fclose(part);
	cut(what, LINE_MAX_BYTES - sizeof("FORKGREET CRITICAL - \n") -
	    strlen(performance));
	fprintf(stream, "FORKGREET %s - %s%s", state_names[state], what,
	    performance);
}

static enum check_state
report(const struct check *check, const struct probe *probe,
    enum check_state state)
{
	char *text = NULL;
	size_t size;
	FILE *stream = open_memstream(&text, &size);

	if (stream == NULL)
		return print("FORKGREET UNKNOWN - out of memory\n",
		    CHECK_UNKNOWN);
	if (check->json)
		put_json(stream, check, probe, state);
	else
		put_line(stream, check, probe, state);
	return print_stream(stream, &text, state);
}

enum check_state
check_unknown(bool json)
{
	static const struct probe none = { .status = STATUS_USAGE };
	const struct check check = { .json = json };

	return report(&check, &none, CHECK_UNKNOWN);
}

enum check_state
check_run(const struct check *check, const struct target *target)
{
	static struct probe probe;
	enum check_state state;
	regex_t expect;
	int error;

	if (check->expect != NULL &&
	    (error = regcomp(&expect, check->expect,
		 REG_EXTENDED | REG_NEWLINE)) != 0) {
		char text[WHY_MAX / 2];

		regerror(error, &expect, text, sizeof(text));
		output_error("--expect %s: %s", check->expect, text);
		return check_unknown(check->json);
	}
	probe_run(target, deadline_after(check->wait_ms), &probe);
	state = judge(check, &expect, &probe);
	if (check->expect != NULL)
		regfree(&expect);
	return report(check, &probe, state);
}
