/* Cuts libconfig's syntax into tokens. */
#include "config.h"

#include "reader/lexer.h"

#include <string.h>
#include <strings.h>

static bool
is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c) != NULL;
}

static bool
is_blank(char c)
{
	return is_one_of(c, " \t\r\n\f");
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* ctype.h would ask the locale. */
static bool
starts_name(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '*';
}

static bool
continues_name(char c)
{
	return starts_name(c) || is_digit(c) || c == '-' || c == '_';
}

static bool
starts_comment(const char *at, const char *end)
{
	return *at == '#' ||
	    (*at == '/' && end - at > 1 && (at[1] == '/' || at[1] == '*'));
}

static bool
is_delimiter(const char *at, const char *end)
{
	return is_blank(*at) || is_one_of(*at, ";,(){}[]\"=") ||
	    starts_comment(at, end);
}

static void
move(struct lexer *lexer, const char *to)
{
	for (; lexer->at < to; lexer->at++)
		if (*lexer->at == '\n')
			lexer->line++;
}

static const char *
line_end(const char *at, const char *end)
{
	const char *newline = memchr(at, '\n', (size_t)(end - at));

	return newline != NULL ? newline : end;
}

/* Returns the end of the comment at "at", or NULL when it has none. */
static const char *
comment_end(const char *at, const char *end)
{
	const char *close;

	if (at[0] == '/' && at[1] == '*') {
		close = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
		return close != NULL ? close + 2 : NULL;
	}
	return line_end(at, end);
}

/* Returns the closing quote of the string that opens at "at", or NULL. */
static const char *
string_end(const char *at, const char *end)
{
	for (at++; at < end && *at != '"'; at++)
		if (*at == '\\' && end - at > 1 &&
		    (at[1] == '\\' || at[1] == '"'))
			at++;
	return at < end ? at : NULL;
}

static const char *
word_end(const char *at, const char *end, char delimiter)
{
	while (at < end && *at != delimiter && !is_delimiter(at, end))
		at++;
	return at;
}

/* Returns the next quote of that kind behind the one at "at", if it is in the
 * same line, or NULL. */
static const char *
quote_end(const char *at, const char *end)
{
	const char quote = *at;

	for (at++; at < end && *at != quote; at++)
		if (*at == '\n')
			return NULL;
	return at < end ? at : NULL;
}

static const char *
junk_end(const char *at, const char *end)
{
	const char *close = *at == '\'' ? quote_end(at, end) : NULL;

	return close != NULL ? close + 1 : word_end(at + 1, end, ':');
}

static void
token_end(
    struct lexer *lexer, struct token *token, enum lexeme kind, const char *to)
{
	token->kind = kind;
	token->length = (size_t)(to - token->text);
	move(lexer, to);
}

static enum lexeme
name_kind(const struct token *token)
{
	size_t length = token->length;

	return (length == 4 && strncasecmp(token->text, "true", 4) == 0) ||
		(length == 5 && strncasecmp(token->text, "false", 5) == 0)
	    ? LEX_BOOLEAN
	    : LEX_NAME;
}

/* Skips blanks and comments.  False: the token is the last, of that kind. */
static bool
gap_skip(struct lexer *lexer, enum lexeme *last)
{
	const char *close;

	for (;;) {
		while (lexer->at < lexer->end && is_blank(*lexer->at))
			move(lexer, lexer->at + 1);
		*last = LEX_END;
		if (lexer->at == lexer->end)
			return false;
		if (!starts_comment(lexer->at, lexer->end))
			return true;
		*last = LEX_OPEN_COMMENT;
		close = comment_end(lexer->at, lexer->end);
		if (close == NULL)
			return false;
		move(lexer, close);
	}
}

void
lexer_next(struct lexer *lexer, struct token *token)
{
	const char *end = lexer->end, *to;
	enum lexeme last;
	bool more = gap_skip(lexer, &last);

	token->line = lexer->line;
	token->text = to = lexer->at;
	if (!more) {
		token_end(lexer, token, last, end);
	} else if (*to == '"') {
		to = string_end(to, end);
		token_end(lexer, token, to ? LEX_STRING : LEX_OPEN_STRING,
		    to ? to + 1 : end);
	} else if (is_one_of(*to, "=:;,{}[]()")) {
		token_end(lexer, token, LEX_MARK, to + 1);
	} else if (starts_name(*to)) {
		while (to < end && continues_name(*to))
			to++;
		token_end(lexer, token, LEX_NAME, to);
		token->kind = name_kind(token);
	} else if (is_digit(*to) || is_one_of(*to, "+-.")) {
		token_end(lexer, token, LEX_NUMBER, word_end(to, end, ':'));
	} else {
		token_end(lexer, token, LEX_JUNK, junk_end(to, end));
	}
}

void
lexer_extend(struct lexer *lexer, struct token *token, char delimiter)
{
	const char *to = word_end(lexer->at, lexer->end, delimiter);

	if (to == lexer->at)
		return;
	token_end(lexer, token,
	    token->kind == LEX_BOOLEAN ? LEX_JUNK : token->kind, to);
}

void
lexer_skip(struct lexer *lexer)
{
	const char *at = lexer->at, *end = lexer->end, *close;

	while (at < end && *at != '\n' && !is_one_of(*at, ";,(){}[]") &&
	    !starts_comment(at, end)) {
		close = *at == '"' ? quote_end(at, end) : NULL;
		at = (close != NULL ? close : at) + 1;
	}
	lexer->at = at;
}

bool
lexer_is_glued(const struct lexer *lexer)
{
	return lexer->at < lexer->end && !is_blank(*lexer->at) &&
	    !is_one_of(*lexer->at, ";,)]}\"") &&
	    !starts_comment(lexer->at, lexer->end);
}

/* Could what is there stand behind a string? */
static bool
is_sane(struct lexer *ahead)
{
	struct token token;

	do
		lexer_next(ahead, &token);
	while (token.kind == LEX_STRING);
	if (token.kind == LEX_NAME) {
		lexer_next(ahead, &token);
		return token_is(&token, "=:");
	}
	return token_is(&token, ";,)]}") || token.kind == LEX_END ||
	    token.kind == LEX_OPEN_COMMENT;
}

/* What stands before the blanks at the string's end also stands before a
 * string. */
static bool
ends_before_string(const struct token *string)
{
	const char *end = string->text + string->length - 1;

	while (end - string->text > 1 && is_blank(end[-1]))
		end--;
	return is_one_of(end[-1], "=:([,");
}

bool
lexer_is_runaway(
    const struct lexer *lexer, const struct token *string, const char **ahead)
{
	struct lexer look = *lexer;

	if (*ahead != NULL && string->text < *ahead)
		return false;
	if (!lexer_is_glued(lexer) &&
	    (memchr(string->text, '\n', string->length) == NULL ||
		!ends_before_string(string)))
		return false;
	if (!is_sane(&look))
		return true;
	*ahead = look.at;
	return false;
}

bool
token_is(const struct token *token, const char *marks)
{
	return token->kind == LEX_MARK && is_one_of(*token->text, marks);
}
