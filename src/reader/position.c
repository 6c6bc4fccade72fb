/* Keeps track of where in the text a finding is. */
#include "config.h"

#include "reader/position.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void note(struct position *position, bool value, size_t line,
    const char *what, const char *format, va_list list)
    __attribute__((format(printf, 5, 0)));

/* With the last finding that there is room for, it has read enough. */
static void
note(struct position *position, bool value, size_t line, const char *what,
    const char *format, va_list list)
{
	if (findings_add(
		position->findings, value, line, what, format, list))
		return;
	position->done = position->stopped = true;
}

void
position_note(struct position *position, size_t line, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	note(position, true, line, position_here(position), format, list);
	va_end(list);
}

void
position_note_extra(struct position *position, size_t line, const char *what,
    const char *format, ...)
{
	va_list list;

	va_start(list, format);
	note(position, false, line, what, format, list);
	va_end(list);
}

void
position_stop(struct position *position, size_t line, const char *what,
    const char *format, ...)
{
	va_list list;

	va_start(list, format);
	if (!position->done && position->word_line != line)
		note(position, false, line, what, format, list);
	va_end(list);
	position->done = position->stopped = true;
}

void
position_blank(struct position *position, const char *from, const char *to)
{
	char *at = position->text + (from - position->text);

	for (; at < to; at++)
		if (*at != '\n')
			*at = ' ';
}

int
position_shown_length(const struct token *token)
{
	int n = 0;

	while ((size_t)n < token->length && n < POSITION_SHOWN_MAX &&
	    token->text[n] != '\n')
		n++;
	return n;
}

const char *
position_key(struct position *position, size_t depth)
{
	const struct position_frame *frame = position->frames;
	size_t used = 0;

	for (; frame <= position->frames + depth; frame++)
		if (frame->list)
			used = path_add_index(
			    position->what, used, frame->index);
		else if (frame->key.length > 0)
			used = path_add_name(position->what, used,
			    frame->key.text, frame->key.length);
	return used > 0 ? position->what : position_token(position);
}

const char *
position_here(struct position *position)
{
	return position_key(position, position->depth);
}

const char *
position_token(struct position *position)
{
	const struct token *token = &position->token;
	bool quoted =
	    token->kind == LEX_STRING || token->kind == LEX_OPEN_STRING;

	snprintf(position->what, sizeof(position->what),
	    quoted ? "%.*s" : "\"%.*s\"", POSITION_SHOWN(token));
	return position->what;
}

struct position_frame *
position_top(struct position *position)
{
	return &position->frames[position->depth];
}

void
position_next(struct position *position)
{
	struct token *token = &position->token;

	lexer_next(&position->lexer, token);
	if (token->kind != LEX_OPEN_COMMENT)
		return;
	position_stop(position, token->line, "\"/*\"",
	    "the comment that starts here has no \"*/\"");
	token->kind = LEX_END;
}

bool
position_is_setting(const struct position *position)
{
	struct lexer ahead = position->lexer;
	struct token token;

	if (position->token.kind != LEX_NAME)
		return false;
	lexer_next(&ahead, &token);
	return token_is(&token, "=") ||
	    (token_is(&token, ":") && !lexer_is_glued(&ahead));
}

void
position_open(struct position *position)
{
	const struct token *mark = &position->token;

	if (position_top(position)->open == '[') {
		position_stop(position, mark->line, position_here(position),
		    "[ ] holds plain values only, write ( ) instead");
		return;
	}
	if (position->depth == ENTRY_DEPTH_MAX) {
		position_stop(position, mark->line, position_here(position),
		    "is nested deeper than %d levels", ENTRY_DEPTH_MAX);
		return;
	}
	position->depth++;
	*position_top(position) = (struct position_frame){
		.open = *mark->text,
		.list = !token_is(mark, "{"),
		.line = mark->line,
		.names = position->n_names,
	};
	position_next(position);
}

void
position_unclosed(struct position *position)
{
	const struct position_frame *frame = position_top(position);
	const struct token *token = &position->token;

	position_stop(position, frame->line,
	    position_key(position, position->depth - 1),
	    "the \"%c\" that opens here is not closed before the \"%.*s\" of "
	    "line %zu",
	    frame->open, POSITION_SHOWN(token), token->line);
}

char
position_opening_of(char closing)
{
	return closing == '}' ? '{' : closing == ']' ? '[' : '(';
}

/* A bracket of another kind than the innermost one. */
static void
close_other(struct position *position, char open)
{
	const struct token *mark = &position->token;
	const struct position_frame *frame = position_top(position);
	size_t depth = position->depth;

	while (depth > 0 && position->frames[depth].open != open)
		depth--;
	if (position->depth == 0)
		position_stop(position, mark->line, position_token(position),
		    "closes nothing, no \"%c\" is open", open);
	else if (depth == 0)
		position_stop(position, mark->line, position_token(position),
		    "does not close the \"%c\" of line %zu", frame->open,
		    frame->line);
	else
		position_unclosed(position);
}

void
position_close(struct position *position)
{
	const struct position_frame *frame = position_top(position);
	char open = position_opening_of(*position->token.text);

	if (position->depth == 0 || frame->open != open) {
		close_other(position, open);
		return;
	}
	if (frame->list && frame->state == POSITION_COMMA) {
		position_stop(position, frame->comma,
		    position_key(position, position->depth - 1),
		    "there is no value after the last \",\"");
		return;
	}
	position->n_names = frame->names;
	position->depth--;
	position_next(position);
}

void
position_end(struct position *position)
{
	const struct position_frame *frame = position->frames + 1;

	if (position->depth > 0)
		position_stop(position, frame->line, position_key(position, 0),
		    "the \"%c\" that opens here is not closed", frame->open);
	position->done = true;
}
