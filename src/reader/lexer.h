/* Tokens of libconfig 1.5's syntax. */
#ifndef READER_LEXER_H
#define READER_LEXER_H

#include <stdbool.h>
#include <stddef.h>

/*
 * As in lib/scanner.l of libconfig 1.5, but for numbers and junk: there a
 * token goes on to the next delimiter, so that "127.0.0.1" or "30s" is one and
 * not three.
 */
enum lexeme {
	LEX_END,
	LEX_NAME,
	LEX_BOOLEAN,
	LEX_NUMBER, /* starts like one; slip_number() says more */
	LEX_STRING, /* with its quotes; newlines in it are allowed */
	LEX_MARK, /* one of = : ; , { } [ ] ( ) */
	LEX_JUNK, /* what starts none of these */
	LEX_OPEN_STRING, /* without an end: all of the text that is left */
	LEX_OPEN_COMMENT, /* the same */
};

struct token {
	enum lexeme kind;
	size_t line; /* where it starts, from 1 */
	const char *text; /* in the lexer's text, no NUL behind it */
	size_t length;
};

/* Start with the text's bounds and line 1.  A copy is a look ahead. */
struct lexer {
	const char *at;
	const char *end;
	size_t line;
};

/* Reads the next token.  At the end it gives LEX_END again and again. */
void lexer_next(struct lexer *lexer, struct token *token);

/* Makes the token just read as long as it is without blanks: up to the next
 * delimiter, or that character.  A boolean that grows becomes junk. */
void lexer_extend(struct lexer *lexer, struct token *token, char delimiter);

/* Goes on to the next bracket, ';', ',', comment or end of line, over whole
 * strings: to where things may make sense again. */
void lexer_skip(struct lexer *lexer);

/* Something other than a blank, separator, closing bracket, quote or comment
 * comes right behind the token just read. */
bool lexer_is_glued(const struct lexer *lexer);

/*
 * A string whose own quote is missing ends where the next one should start.
 * It then runs over a line and ends in "=" or the like, or a word is glued to
 * its end; and what follows makes no sense.  Each alone is legal.
 *
 * True when the string just read is such a runaway.  When not, *ahead is moved
 * behind what was looked at: no string before that is a runaway either.
 */
bool lexer_is_runaway(
    const struct lexer *lexer, const struct token *string, const char **ahead);

/* The token is one of these marks. */
bool token_is(const struct token *token, const char *marks);

#endif
