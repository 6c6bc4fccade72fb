/* Keeps track of where in the text a complaint is. */
#include "config.h"

#include "reader/scan.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "master/config/report.h"

#define WHY_MAX 320

static void complain(struct scan *scan, size_t line, const char *what,
    const char *format, va_list list) __attribute__((format(printf, 4, 0)));

static void
complain(struct scan *scan, size_t line, const char *what, const char *format,
    va_list list)
{
	char why[WHY_MAX];

	if (scan->done)
		return;
	if (vsnprintf(why, sizeof(why), format, list) < 0)
		why[0] = '\0';
	report_error(
	    scan->report, "%s:%zu: %s: %s", scan->path, line, what, why);
}

void
scan_complain(
    struct scan *scan, size_t line, const char *what, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	complain(scan, line, what, format, list);
	va_end(list);
}

void
scan_complain_once(
    struct scan *scan, size_t line, const char *what, const char *format, ...)
{
	va_list list;

	if (scan->broken_line == line || scan->word_line == line)
		return;
	scan->broken_line = line;
	va_start(list, format);
	complain(scan, line, what, format, list);
	va_end(list);
}

int
scan_shown_length(const struct token *token)
{
	int n = 0;

	while ((size_t)n < token->length && n < SCAN_SHOWN_MAX &&
	    token->text[n] != '\n')
		n++;
	return n;
}

const char *
scan_key(struct scan *scan, size_t depth)
{
	const struct scan_frame *frame = scan->frames;
	char *what = scan->what;
	size_t used = 0;
	int n;

	for (; frame <= scan->frames + depth && used < SCAN_WHAT_MAX; frame++) {
		if (frame->list)
			n = snprintf(what + used, SCAN_WHAT_MAX - used, "[%zu]",
			    frame->index);
		else if (frame->key.length > 0)
			n = snprintf(what + used, SCAN_WHAT_MAX - used,
			    "%s%.*s", used > 0 ? "." : "",
			    SCAN_SHOWN(&frame->key));
		else
			continue;
		used += n > 0 ? (size_t)n : 0;
	}
	return used > 0 ? what : scan_token(scan);
}

const char *
scan_here(struct scan *scan)
{
	return scan_key(scan, scan->depth);
}

const char *
scan_token(struct scan *scan)
{
	const struct token *token = &scan->token;
	bool quoted =
	    token->kind == LEX_STRING || token->kind == LEX_OPEN_STRING;

	snprintf(scan->what, SCAN_WHAT_MAX, quoted ? "%.*s" : "\"%.*s\"",
	    SCAN_SHOWN(token));
	return scan->what;
}

struct scan_frame *
scan_top(struct scan *scan)
{
	return &scan->frames[scan->depth];
}

void
scan_next(struct scan *scan)
{
	struct token *token = &scan->token;

	lexer_next(&scan->lexer, token);
	if (token->kind == LEX_OPEN_COMMENT) {
		scan_complain(scan, token->line, "\"/*\"",
		    "the comment that starts here has no \"*/\"");
		scan->done = true;
		token->kind = LEX_END;
	} else if (token->kind == LEX_LAST_COMMENT) {
		scan_complain(scan, token->line, scan_token(scan),
		    "a comment needs a newline behind it, the last one too");
		token->kind = LEX_END;
	}
}

bool
scan_is_setting(const struct scan *scan)
{
	struct lexer ahead = scan->lexer;
	struct token token;

	if (scan->token.kind != LEX_NAME)
		return false;
	lexer_next(&ahead, &token);
	return token_is(&token, "=") ||
	    (token_is(&token, ":") && !lexer_is_glued(&ahead));
}

void
scan_open(struct scan *scan)
{
	const struct token *mark = &scan->token;

	if (scan_top(scan)->open == '[')
		scan_complain_once(scan, mark->line, scan_here(scan),
		    "[ ] holds plain values only, write ( ) instead");
	if (scan->depth == SCAN_DEPTH_MAX) {
		scan_complain(scan, mark->line, scan_here(scan),
		    "is nested deeper than %d levels", SCAN_DEPTH_MAX);
		scan->done = true;
		return;
	}
	scan->depth++;
	*scan_top(scan) = (struct scan_frame){
		.open = *mark->text,
		.list = !token_is(mark, "{"),
		.line = mark->line,
	};
	scan_next(scan);
}

void
scan_drop(struct scan *scan)
{
	const struct scan_frame *frame = scan_top(scan);
	const struct token *token = &scan->token;

	if (!frame->stray)
		scan_complain_once(scan, frame->line,
		    scan_key(scan, scan->depth - 1),
		    "the \"%c\" that opens here is not closed before the "
		    "\"%.*s\" of line %zu",
		    frame->open, SCAN_SHOWN(token), token->line);
	scan->depth--;
}

char
scan_opening_of(char closing)
{
	return closing == '}' ? '{' : closing == ']' ? '[' : '(';
}

void
scan_close(struct scan *scan)
{
	const struct token *mark = &scan->token;
	const struct scan_frame *frame = scan_top(scan);
	char open = scan_opening_of(*mark->text);
	size_t depth = scan->depth;

	while (depth > 0 && scan->frames[depth].open != open)
		depth--;
	if (scan->depth == 0)
		scan_complain_once(scan, mark->line, scan_token(scan),
		    "closes nothing, no \"%c\" is open", open);
	else if (depth == 0)
		scan_complain_once(scan, mark->line, scan_token(scan),
		    "does not close the \"%c\" of line %zu", frame->open,
		    frame->line);
	else if (depth < scan->depth)
		scan_drop(scan);
	else if (frame->list && frame->state == SCAN_COMMA)
		scan_complain_once(scan, frame->comma,
		    scan_key(scan, depth - 1),
		    "no value stands behind the last \",\"");
	if (depth > 0)
		scan->depth = depth - 1;
	else if (scan->depth > 0)
		scan->depth--;
	else
		scan->frames[0].state = SCAN_LEFTOVER;
	scan_next(scan);
}

void
scan_end(struct scan *scan)
{
	const struct scan_frame *frame;
	size_t i;

	for (i = 1; i <= scan->depth; i++) {
		frame = &scan->frames[i];
		if (!frame->stray)
			scan_complain_once(scan, frame->line,
			    scan_key(scan, i - 1),
			    "the \"%c\" that opens here is not closed",
			    frame->open);
	}
	scan->done = true;
}
