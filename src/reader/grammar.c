/* Walks over configuration text as libconfig would, and stops where libconfig
 * would not. */
#include "config.h"

#include "reader/grammar.h"

#include <stdbool.h>
#include <string.h>

#include "reader/lexer.h"
#include "master/config/report.h"
#include "reader/scalar.h"
#include "reader/scan.h"
#include "reader/slips.h"

/* --------------------------------------------------------------- values */

/* A mark where a value should be. */
static void
mark_read(struct scan *scan)
{
	const struct token *mark = &scan->token;

	if (token_is(mark, "{[(")) {
		scan_open(scan);
	} else if (token_is(mark, ":") && lexer_is_glued(&scan->lexer)) {
		scalar_read_word(scan); /* ::1 */
	} else if (token_is(mark, "=:")) {
		scan_complain_once(scan, mark->line, scan_here(scan),
		    "\"%c\" stands where a value should be", *mark->text);
		scan_next(scan);
	} else {
		scan_complain_once(scan, scan_top(scan)->key.line,
		    scan_here(scan), "has no value");
	}
}

static void
value_read(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);
	const struct token *token = &scan->token;

	frame->state = SCAN_VALUE;
	if (scalar_is_text(token)) {
		/* Not in a list, libconfig joins strings. */
		do
			scalar_read_string(scan);
		while (!frame->list && scalar_is_text(token));
	} else if (token->kind == LEX_MARK) {
		mark_read(scan);
	} else if (token->kind == LEX_END || scan_is_setting(scan)) {
		scan_complain_once(
		    scan, frame->key.line, scan_here(scan), "has no value");
	} else {
		scalar_read_word(scan);
	}
}

/* ------------------------------------------------------------- settings */

/* "limits {", "port 80", "port;" */
static void
equals_miss(struct scan *scan)
{
	const struct token *token = &scan->token;
	const struct token *key = &scan_top(scan)->key;
	const char *value = "VALUE";

	if (token->kind == LEX_JUNK)
		return; /* value_read() says what it is */
	if (token->kind == LEX_END || token->kind == LEX_NAME ||
	    token_is(token, ";,}])")) {
		scan_complain_once(scan, key->line, scan_here(scan),
		    "has no value, write %.*s = VALUE;", SCAN_SHOWN(key));
		return;
	}
	if (token_is(token, "{"))
		value = "{ ... }";
	else if (token_is(token, "["))
		value = "[ ... ]";
	else if (token_is(token, "("))
		value = "( ... )";
	scan_complain_once(scan, key->line, scan_here(scan),
	    "\"=\" is missing, write %.*s = %s;", SCAN_SHOWN(key), value);
}

/* The name and what is glued to it is no name: "log.target". */
static void
name_explain(struct scan *scan)
{
	const struct token *name = &scan->token;
	const char *dot = memchr(name->text, '.', name->length);
	const char *why = slip_bytes(name);
	int length = (int)name->length;
	int before = dot != NULL ? (int)(dot - name->text) : length;

	if (why != NULL)
		scan_complain_once(
		    scan, name->line, scan_token(scan), "%s", why);
	else if (dot == NULL || before + 1 == length || length > SCAN_SHOWN_MAX)
		scan_complain_once(scan, name->line, scan_token(scan),
		    "is no name, allowed are letters, digits, - and _");
	else if (memchr(dot + 1, '.', (size_t)(length - before - 1)) != NULL)
		scan_complain_once(scan, name->line, scan_here(scan),
		    "a name has no dots, write groups in groups: "
		    "%.*s = { ... };",
		    before, name->text);
	else
		scan_complain_once(scan, name->line, scan_here(scan),
		    "a name has no dots, write %.*s = { %.*s = ...; };", before,
		    name->text, length - before - 1, dot + 1);
}

static void
setting_read(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);
	struct token *token = &scan->token;
	size_t length = token->length;

	lexer_extend(&scan->lexer, token, ':');
	frame->key = *token;
	if (token->length > length)
		name_explain(scan);
	scan_next(scan);
	if (token_is(token, "=:"))
		scan_next(scan);
	else
		equals_miss(scan);
	value_read(scan);
}

/* What stands where a name should, and starts none. */
static void
leftover_explain(struct scan *scan, bool named)
{
	const struct scan_frame *frame = scan_top(scan);
	const struct token *token = &scan->token;
	const char *why = slip_bytes(token);

	if (token->kind == LEX_JUNK && why != NULL)
		scan_complain_once(
		    scan, token->line, scan_token(scan), "%s", why);
	else if (token->kind == LEX_MARK)
		scan_complain_once(scan, token->line, scan_token(scan),
		    "has no name before it");
	else if (named && token->kind == LEX_STRING)
		scan_complain_once(scan, token->line, scan_token(scan),
		    "a name is written without quotes");
	else if (!named && token->kind != LEX_JUNK &&
	    (frame->state == SCAN_VALUE || frame->state == SCAN_COMMA))
		scan_complain_once(scan, token->line, scan_here(scan),
		    "several values need brackets, write %.*s = [ ..., ... ];",
		    SCAN_SHOWN(&frame->key));
	else if (frame->state != SCAN_LEFTOVER)
		scan_complain_once(scan, token->line, scan_token(scan),
		    "is no name, NAME = VALUE; is expected here");
}

static void
leftover_read(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);
	struct lexer ahead = scan->lexer;
	struct token token;
	bool named;

	lexer_next(&ahead, &token);
	named = token_is(&token, "=:");
	if (!named && scalar_is_text(&scan->token) &&
	    scalar_stop_runaway(scan)) {
		frame->state = SCAN_LEFTOVER;
		return;
	}
	leftover_explain(scan, named);
	frame->state = SCAN_LEFTOVER;
	if (named) {
		frame->key = scan->token;
		scan_next(scan);
		scan_next(scan);
		value_read(scan);
	} else {
		scan_next(scan);
	}
}

/* An opening bracket where a name should be. */
static void
group_stray(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);

	if (scan->depth > 0 && scan->frames[scan->depth - 1].list &&
	    token_is(&scan->token, "{")) {
		scan_drop(scan); /* its "}" is missing in a list of groups */
		scan_top(scan)->state = SCAN_COMMA;
		scan_top(scan)->index++;
		return;
	}
	scan_complain_once(scan, scan->token.line, scan_token(scan),
	    "is no name, NAME = VALUE; is expected here");
	frame->key.length = 0;
	frame->state = SCAN_LEFTOVER;
	scan_open(scan);
	scan_top(scan)->stray = true;
}

static void
separator_read(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);
	bool comma = token_is(&scan->token, ",");

	if (frame->state == SCAN_START || frame->state == SCAN_COMMA)
		scan_complain_once(scan, scan->token.line, scan_token(scan),
		    "is doubled, or has no setting before it");
	if (!comma) {
		frame->state = SCAN_START;
		frame->key.length = 0;
	} else if (frame->state != SCAN_LEFTOVER) {
		frame->state = SCAN_COMMA;
	}
	scan_next(scan);
}

static void
setting_step(struct scan *scan)
{
	const struct token *token = &scan->token;

	if (token->kind == LEX_END)
		scan_end(scan);
	else if (token->kind == LEX_NAME)
		setting_read(scan);
	else if (token_is(token, ";,"))
		separator_read(scan);
	else if (token_is(token, "}])"))
		scan_close(scan);
	else if (token_is(token, "{[("))
		group_stray(scan);
	else
		leftover_read(scan);
}

/* ---------------------------------------------------------------- lists */

static void
comma_read(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);
	const struct token *comma = &scan->token;

	if (frame->state != SCAN_VALUE)
		scan_complain_once(scan, comma->line,
		    scan_key(scan, scan->depth - 1),
		    "no value stands before a \",\"");
	frame->state = SCAN_COMMA;
	frame->comma = comma->line;
	frame->index++;
	scan_next(scan);
}

/* In place of a "," or behind a list that is not closed? */
static void
semicolon_read(struct scan *scan)
{
	struct lexer ahead = scan->lexer;
	struct token token;

	lexer_next(&ahead, &token);
	if (token.kind == LEX_NAME || token.kind == LEX_END ||
	    (token_is(&token, "}])") &&
		scan_opening_of(*token.text) != scan_top(scan)->open)) {
		scan_drop(scan);
		return;
	}
	scan_complain_once(scan, scan->token.line,
	    scan_key(scan, scan->depth - 1),
	    "values are separated by \",\", not by \";\"");
	comma_read(scan);
}

/* "( port = 80; )", or behind a list that is not closed. */
static void
setting_stray(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);

	if (frame->state != SCAN_START) {
		scan_drop(scan);
		return;
	}
	scan_complain_once(scan, scan->token.line,
	    scan_key(scan, scan->depth - 1),
	    "a setting in a list needs { } around it");
	frame->list = false; /* reads on as if they were there */
}

static void
element_read(struct scan *scan)
{
	struct scan_frame *frame = scan_top(scan);

	if (frame->state == SCAN_VALUE) {
		scan_complain_once(scan, scan->token.line,
		    scan_key(scan, scan->depth - 1),
		    "a \",\" is missing before %.*s", SCAN_SHOWN(&scan->token));
		frame->index++;
	}
	value_read(scan);
}

static void
element_step(struct scan *scan)
{
	const struct token *token = &scan->token;

	if (token->kind == LEX_END)
		scan_end(scan);
	else if (token_is(token, ","))
		comma_read(scan);
	else if (token_is(token, ";"))
		semicolon_read(scan);
	else if (token_is(token, "}])"))
		scan_close(scan);
	else if (scan_is_setting(scan))
		setting_stray(scan);
	else
		element_read(scan);
}

/* ------------------------------------------------------------- the whole */

/* Returns false when there is no point in reading on. */
static bool
start_check(struct scan *scan)
{
	struct lexer *lexer = &scan->lexer;
	size_t length = (size_t)(lexer->end - lexer->at), line = 1;
	const char *nul = memchr(lexer->at, '\0', length), *at;

	if (nul != NULL) {
		for (at = lexer->at; at < nul; at++)
			line += *at == '\n';
		scan_complain(scan, line, "\"\\x00\"",
		    "a NUL byte, but the file has to be plain text");
		return false;
	}
	if (length >= 3 && memcmp(lexer->at, "\xef\xbb\xbf", 3) == 0) {
		scan_complain(scan, 1, "\"\\xef\\xbb\\xbf\"",
		    "a byte order mark, save the file as UTF-8 without it");
		lexer->at += 3;
	}
	return true;
}

void
precheck(
    const char *text, size_t length, const char *path, struct report *report)
{
	struct scan scan = {
		.path = path,
		.report = report,
		.lexer = { text, text + length, 1 },
	};

	if (!start_check(&scan))
		return;
	scan_next(&scan);
	while (!scan.done && report->errors < REPORT_LINES_MAX)
		if (scan_top(&scan)->list)
			element_step(&scan);
		else
			setting_step(&scan);
}
