/* The errors of libconfig's parser, said so that one can mend them. */
#include "config.h"

#include "reader/syntax.h"

#include <stdio.h>
#include <string.h>

#include "reader/lexer.h"
#include "master/config/report.h"
#include "master/config/value.h"

#define NAME_SHOWN_MAX 64

/* lib/grammar.y of libconfig 1.5; the last is Bison's */
#define DUPLICATE "duplicate setting name"
#define MIXED "mismatched element type in array"
#define DEEP "memory exhausted"

/* Moves on to the next name on that line that a value follows. */
static bool
next_key(struct lexer *lexer, unsigned line, char *name)
{
	struct lexer ahead;
	struct token token, mark;

	for (;;) {
		lexer_next(lexer, &token);
		if (token.length == 0 || token.line > line)
			return false;
		ahead = *lexer;
		lexer_next(&ahead, &mark);
		if (token.kind != LEX_NAME || token.line != line ||
		    !token_is(&mark, "=:"))
			continue;
		snprintf(name, NAME_SHOWN_MAX, "%.*s", (int)token.length,
		    token.text);
		return true;
	}
}

/* The parser stopped in one of the groups that come last at their level. */
static const config_setting_t *
find_in_last(const config_setting_t *setting, const char *name)
{
	const config_setting_t *member;
	int n;

	do {
		member = config_setting_get_member(setting, name);
		if (member != NULL)
			return member;
		n = config_setting_length(setting);
		setting = n == 0
		    ? NULL
		    : config_setting_get_elem(setting, (unsigned)n - 1);
	} while (setting != NULL);
	return NULL;
}

/* The parser names no key.  It is one on that line which the tree has from an
 * earlier line, or else from earlier on that line. */
static void
report_duplicate(
    struct parse *parse, const config_t *tree, const char *text, size_t length)
{
	unsigned line = (unsigned)config_error_line(tree);
	struct lexer lexer = { text, text + length, 1 };
	const config_setting_t *first;
	char name[NAME_SHOWN_MAX];

	while (next_key(&lexer, line, name)) {
		first = find_in_last(config_root_setting(tree), name);
		if (first == NULL || config_setting_source_line(first) == line)
			continue;
		parse_error(parse, line,
		    "%s: duplicate key (the first is in line %u), allowed is "
		    "one",
		    name, (unsigned)config_setting_source_line(first));
		return;
	}
	parse_error(
	    parse, line, "duplicate key in one line, allowed is each key once");
}

void
syntax_report(
    struct parse *parse, const config_t *tree, const char *text, size_t length)
{
	const char *why = config_error_text(tree);
	unsigned line = (unsigned)config_error_line(tree);

	if (parse->before->errors > 0)
		return;
	if (why != NULL && strcmp(why, DUPLICATE) == 0)
		report_duplicate(parse, tree, text, length);
	else if (why != NULL && strcmp(why, MIXED) == 0)
		parse_error(parse, line,
		    "array [ ]: its elements are of different types, allowed "
		    "is one type; a list ( ) takes any");
	else if (why != NULL && strcmp(why, DEEP) == 0)
		parse_error(parse, line,
		    "brackets: too many in each other, allowed are groups in "
		    "a list");
	else
		parse_error(parse, line,
		    "%s, allowed is KEY = VALUE; with groups { } and lists "
		    "( )",
		    why != NULL ? why : "syntax error");
}
