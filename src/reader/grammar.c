/* Walks over configuration text as libconfig will, and stops where libconfig
 * would not. */
#include "config.h"

#include "reader/grammar.h"

#include <stdlib.h>
#include <string.h>

#include "reader/lexer.h"
#include "reader/position.h"
#include "reader/scalar.h"
#include "reader/slips.h"

#define NAMES_FIRST 256 /* room at first; more is had as it is needed */

/* --------------------------------------------------------------- values */

/* A mark where a value should be. */
static void
mark_read(struct position *position)
{
	const struct token *mark = &position->token;

	if (token_is(mark, "{[("))
		position_open(position);
	else if (token_is(mark, ":") && lexer_is_glued(&position->lexer))
		scalar_read_word(position); /* ::1 */
	else if (token_is(mark, "=:"))
		position_stop(position, mark->line, position_here(position),
		    "\"%c\" stands where a value should be", *mark->text);
	else
		position_stop(position, position_top(position)->key.line,
		    position_here(position), "has no value");
}

static void
value_read(struct position *position)
{
	struct position_frame *frame = position_top(position);
	const struct token *token = &position->token;

	frame->state = POSITION_VALUE;
	if (scalar_is_text(token)) {
		/* Not in a list, libconfig joins strings. */
		do
			scalar_read_string(position);
		while (!frame->list && !position->done &&
		    scalar_is_text(token));
	} else if (token->kind == LEX_MARK) {
		mark_read(position);
	} else if (token->kind == LEX_END || position_is_setting(position)) {
		position_stop(position, frame->key.line,
		    position_here(position), "has no value");
	} else {
		scalar_read_word(position);
	}
}

/* ---------------------------------------------------------------- names */

/* The name and what is glued to it is not a name: "log.target". */
static void
name_explain(struct position *position)
{
	const struct token *name = &position->token;
	const char *dot = memchr(name->text, '.', name->length);
	const char *why = slip_bytes(name);
	int length = (int)name->length;
	int before = dot != NULL ? (int)(dot - name->text) : length;

	if (why != NULL)
		position_stop(position, name->line, position_token(position),
		    "%s", why);
	else if (dot == NULL || before + 1 == length ||
	    length > POSITION_SHOWN_MAX)
		position_stop(position, name->line, position_token(position),
		    "is not a name, expected letters, digits, - and _");
	else if (memchr(dot + 1, '.', (size_t)(length - before - 1)) != NULL)
		position_stop(position, name->line, position_here(position),
		    "a name has no dots, write groups in groups: "
		    "%.*s = { ... };",
		    before, name->text);
	else
		position_stop(position, name->line, position_here(position),
		    "a name has no dots, write %.*s = { %.*s = ...; };", before,
		    name->text, length - before - 1, dot + 1);
}

/* The line of the name in this group, 0: it is new. */
static size_t
name_find(const struct position *position, const struct token *key)
{
	size_t i = position->frames[position->depth].names;

	for (; i < position->n_names; i++)
		if (position->names[i].length == key->length &&
		    memcmp(position->names[i].text, key->text, key->length) ==
			0)
			return position->names[i].line;
	return 0;
}

static void
name_add(struct position *position, const struct token *key)
{
	size_t room = position->names_room;

	if (position->n_names == room) {
		room = room == 0 ? NAMES_FIRST : room * 2;
		position->names = reallocarray(
		    position->names, room, sizeof(*position->names));
		if (position->names == NULL)
			exit(EXIT_FAILURE);
		position->names_room = room;
	}
	position->names[position->n_names++] = (struct position_name){
		key->text, key->length, key->line };
}

/* A name that its group has already: libconfig would read no further. */
static void
name_check(struct position *position)
{
	struct position_frame *frame = position_top(position);
	size_t first = name_find(position, &frame->key);

	if (first == 0) {
		name_add(position, &frame->key);
		return;
	}
	position_note_extra(position, frame->key.line, position_here(position),
	    "duplicate key (the first is in line %zu), expected one", first);
	frame->twice = frame->key.text;
}

/* Behind a doubled setting: it is blanked, with its separator. */
static void
name_blank(struct position *position, const char *end)
{
	struct position_frame *frame = position_top(position);

	if (frame->twice == NULL)
		return;
	position_blank(position, frame->twice, end);
	frame->twice = NULL;
}

/* ------------------------------------------------------------- settings */

/* "limits {", "port 80", "port;" */
static void
equals_miss(struct position *position)
{
	const struct token *token = &position->token;
	const struct token *key = &position_top(position)->key;
	const char *value = "VALUE", *why = slip_bytes(token);

	if (token->kind == LEX_JUNK && why != NULL) {
		position_stop(position, token->line, position_here(position),
		    "%.*s %s", POSITION_SHOWN(token), why);
		return;
	}
	if (token->kind == LEX_END || token->kind == LEX_NAME ||
	    token_is(token, ";,}])")) {
		position_stop(position, key->line, position_here(position),
		    "has no value, write %.*s = VALUE;", POSITION_SHOWN(key));
		return;
	}
	if (token_is(token, "{"))
		value = "{ ... }";
	else if (token_is(token, "["))
		value = "[ ... ]";
	else if (token_is(token, "("))
		value = "( ... )";
	position_stop(position, key->line, position_here(position),
	    "\"=\" is missing, write %.*s = %s;", POSITION_SHOWN(key), value);
}

static void
setting_read(struct position *position)
{
	struct position_frame *frame = position_top(position);
	struct token *token = &position->token;
	size_t length = token->length;

	name_blank(position, token->text);
	lexer_extend(&position->lexer, token, ':');
	frame->key = *token;
	if (token->length > length) {
		name_explain(position);
		return;
	}
	position_next(position);
	if (!token_is(token, "=:")) {
		equals_miss(position);
		return;
	}
	name_check(position);
	position_next(position);
	value_read(position);
}

/* What stands where a name should, and starts none. */
static void
leftover_explain(struct position *position)
{
	const struct position_frame *frame = position_top(position);
	const struct token *token = &position->token;
	const char *why = slip_bytes(token);
	struct lexer ahead = position->lexer;
	struct token next;
	bool named;

	lexer_next(&ahead, &next);
	named = token_is(&next, "=:");
	if (!named && scalar_is_text(token) && scalar_is_runaway(position))
		return;
	if (token->kind == LEX_JUNK && why != NULL)
		position_stop(position, token->line, position_token(position),
		    "%s", why);
	else if (token->kind == LEX_MARK && !token_is(token, "{[("))
		position_stop(position, token->line, position_token(position),
		    "has no name before it");
	else if (named && token->kind == LEX_STRING)
		position_stop(position, token->line, position_token(position),
		    "a name is written without quotes");
	else if (!named && token->kind != LEX_JUNK &&
	    token->kind != LEX_MARK && frame->state != POSITION_START)
		position_stop(position, token->line, position_here(position),
		    "several values need brackets, write %.*s = [ ..., ... ];",
		    POSITION_SHOWN(&frame->key));
	else
		position_stop(position, token->line, position_token(position),
		    "is not a name, NAME = VALUE; is expected here");
}

static void
separator_read(struct position *position)
{
	struct position_frame *frame = position_top(position);

	if (frame->state != POSITION_VALUE) {
		position_stop(position, position->token.line,
		    position_token(position),
		    "is doubled, or has no setting before it");
		return;
	}
	name_blank(position, position->lexer.at);
	frame->state = token_is(&position->token, ",") ? POSITION_COMMA
						       : POSITION_START;
	if (frame->state == POSITION_START)
		frame->key.length = 0;
	position_next(position);
}

static bool
starts_group_in_list(const struct position *position)
{
	return position->depth > 0 &&
	    position->frames[position->depth - 1].list &&
	    token_is(&position->token, "{");
}

static void
setting_step(struct position *position)
{
	const struct token *token = &position->token;

	if (token->kind == LEX_END || token_is(token, "}])"))
		name_blank(position, token->text);
	if (token->kind == LEX_END)
		position_end(position);
	else if (token->kind == LEX_NAME)
		setting_read(position);
	else if (token_is(token, ";,"))
		separator_read(position);
	else if (token_is(token, "}])"))
		position_close(position);
	else if (starts_group_in_list(position))
		position_unclosed(position);
	else
		leftover_explain(position);
}

/* ---------------------------------------------------------------- lists */

static void
comma_read(struct position *position)
{
	struct position_frame *frame = position_top(position);

	if (frame->state != POSITION_VALUE) {
		position_stop(position, position->token.line,
		    position_key(position, position->depth - 1),
		    "there is no value before a \",\"");
		return;
	}
	frame->state = POSITION_COMMA;
	frame->comma = position->token.line;
	frame->index++;
	position_next(position);
}

/* ";" in a list: the list's bracket is missing before it, or it is to be a
 * comma. */
static void
semicolon_explain(struct position *position)
{
	struct lexer ahead = position->lexer;
	struct token token;

	lexer_next(&ahead, &token);
	if (token.kind == LEX_NAME || token.kind == LEX_END ||
	    (token_is(&token, "}])") &&
		position_opening_of(*token.text) !=
		    position_top(position)->open))
		position_unclosed(position);
	else
		position_stop(position, position->token.line,
		    position_key(position, position->depth - 1),
		    "values are separated by \",\", not by \";\"");
}

static void
element_read(struct position *position)
{
	if (position_top(position)->state == POSITION_VALUE)
		position_stop(position, position->token.line,
		    position_key(position, position->depth - 1),
		    "a \",\" is missing before %.*s",
		    POSITION_SHOWN(&position->token));
	else
		value_read(position);
}

static void
element_step(struct position *position)
{
	const struct token *token = &position->token;

	if (token->kind == LEX_END)
		position_end(position);
	else if (token_is(token, ","))
		comma_read(position);
	else if (token_is(token, ";"))
		semicolon_explain(position);
	else if (token_is(token, "}])"))
		position_close(position);
	else if (!position_is_setting(position))
		element_read(position);
	else if (position_top(position)->state != POSITION_START)
		position_unclosed(position);
	else
		position_stop(position, token->line,
		    position_key(position, position->depth - 1),
		    "a setting in a list needs { } around it");
}

/* ------------------------------------------------------------- the whole */

/* Bytes that no editor shows. */
static void
start_check(struct position *position)
{
	struct lexer *lexer = &position->lexer;
	size_t length = (size_t)(lexer->end - lexer->at), line = 1;
	const char *nul = memchr(lexer->at, '\0', length), *at;

	if (nul != NULL) {
		for (at = lexer->at; at < nul; at++)
			line += *at == '\n';
		position_stop(position, line, "\"\\x00\"",
		    "a NUL byte, but the file has to be plain text");
	} else if (length >= 3 && memcmp(lexer->at, "\xef\xbb\xbf", 3) == 0) {
		position_note_extra(position, 1, "\"\\xef\\xbb\\xbf\"",
		    "a byte order mark, save the file as UTF-8 without it");
		position_blank(position, lexer->at, lexer->at + 3);
	}
}

bool
grammar_check(char *text, size_t length, struct findings *findings)
{
	struct position position = {
		.findings = findings,
		.text = text,
		.lexer = { text, text + length, 1 },
	};

	start_check(&position);
	position_next(&position);
	while (!position.done)
		if (position_top(&position)->list)
			element_step(&position);
		else
			setting_step(&position);
	free(position.names);
	return !position.stopped;
}
