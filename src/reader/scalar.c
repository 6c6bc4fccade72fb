/* Reads a plain value and complains about it. */
#include "config.h"

#include "reader/scalar.h"

#include <string.h>

#include "reader/lexer.h"
#include "reader/scan.h"
#include "reader/slips.h"

bool
scalar_is_text(const struct token *token)
{
	return token->kind == LEX_STRING || token->kind == LEX_OPEN_STRING;
}

bool
scalar_stop_runaway(struct scan *scan)
{
	const struct token string = scan->token;

	if (string.kind == LEX_STRING &&
	    !lexer_is_runaway(&scan->lexer, &string, &scan->ahead))
		return false;
	if (string.kind == LEX_STRING &&
	    memchr(string.text, '\n', string.length) == NULL)
		scan_complain(scan, string.line, scan_here(scan),
		    "text is glued to the end of a string, a quote in a "
		    "string is written \\\"");
	else
		scan_complain(scan, string.line, scan_here(scan),
		    "the quote that opens here is not closed");
	scan->broken_line = string.line;
	lexer_resume(&scan->lexer, &string);
	scan_next(scan);
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
scalar_read_string(struct scan *scan)
{
	const struct token *string = &scan->token;
	const char *why, *escape, *at;
	size_t line = string->line;

	if (scalar_stop_runaway(scan))
		return;
	why = slip_string(string, &escape);
	if (why != NULL) {
		for (at = string->text; at < escape; at++)
			line += *at == '\n';
		scan_complain(scan, line, scan_here(scan), "%.*s %s",
		    escape_length(string, escape), escape, why);
	}
	scan_next(scan);
}

void
scalar_read_word(struct scan *scan)
{
	struct token *word = &scan->token;
	const char *why = NULL;
	bool number;

	lexer_extend(&scan->lexer, word, '\0');
	number = word->kind == LEX_NUMBER;
	if (number)
		why = slip_number(word);
	else if (word->kind != LEX_BOOLEAN)
		why = slip_word(word);
	if (why != NULL) {
		if (number || scan->broken_line != word->line)
			scan_complain(scan, word->line, scan_here(scan),
			    "%.*s %s", SCAN_SHOWN(word), why);
		scan->word_line = word->line;
		if (!number)
			lexer_skip(&scan->lexer); /* hello world; */
	}
	scan_next(scan);
}
