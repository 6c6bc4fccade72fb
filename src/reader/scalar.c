/* Reads a plain value and notes what is wrong with it. */
#include "config.h"

#include "reader/scalar.h"

#include <string.h>

#include "reader/lexer.h"
#include "reader/position.h"
#include "reader/slips.h"

bool
scalar_is_text(const struct token *token)
{
	return token->kind == LEX_STRING || token->kind == LEX_OPEN_STRING;
}

bool
scalar_is_runaway(struct position *position)
{
	const struct token *string = &position->token;

	if (string->kind == LEX_STRING &&
	    !lexer_is_runaway(&position->lexer, string, &position->ahead))
		return false;
	if (string->kind == LEX_STRING &&
	    memchr(string->text, '\n', string->length) == NULL)
		position_stop(position, string->line, position_here(position),
		    "text is glued to the end of a string, a quote in a "
		    "string is written \\\"");
	else
		position_stop(position, string->line, position_here(position),
		    "the quote that opens here is not closed");
	return true;
}

static int
escape_length(const struct token *string, const char *escape)
{
	int left = (int)(string->text + string->length - 1 - escape);
	int length = escape[1] == 'x' || escape[1] == 'X' ? 4 : 2;

	return left < length ? left : length;
}

void
scalar_read_string(struct position *position)
{
	const struct token *string = &position->token;
	const char *why, *escape, *at;
	size_t line = string->line;

	if (scalar_is_runaway(position))
		return;
	why = slip_string(string, &escape);
	if (why != NULL) {
		for (at = string->text; at < escape; at++)
			line += *at == '\n';
		position_note(position, line, "%.*s %s",
		    escape_length(string, escape), escape, why);
	}
	position_next(position);
}

void
scalar_read_word(struct position *position)
{
	struct token *word = &position->token;
	const char *why = NULL;
	bool number;

	lexer_extend(&position->lexer, word, '\0');
	number = word->kind == LEX_NUMBER;
	if (number)
		why = slip_number(word);
	else if (word->kind != LEX_BOOLEAN)
		why = slip_word(word);
	if (why != NULL) {
		position_note(position, word->line, "%.*s %s",
		    POSITION_SHOWN(word), why);
		position->word_line = word->line;
		if (!number)
			lexer_skip(&position->lexer); /* hello world; */
		position_blank(position, word->text, position->lexer.at);
		position->text[word->text - position->text] = '0';
	}
	position_next(position);
}
