/* Where the walk over a configuration's text is: at which token, within which
 * brackets, at which key; and the findings that say so. */
#ifndef READER_POSITION_H
#define READER_POSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "reader/findings.h"
#include "reader/lexer.h"
#include "shared/entries.h"

#define POSITION_SHOWN_MAX 40 /* bytes of a token in a message */

enum position_state {
	POSITION_START, /* behind the opening bracket, or a setting's ';' */
	POSITION_VALUE, /* behind a value */
	POSITION_COMMA,
};

/* A setting's name that its group has already. */
struct position_name {
	const char *text;
	size_t length;
	size_t line;
};

/* An open bracket; frames[0] is the file, a group without brackets. */
struct position_frame {
	char open; /* '{', '[', '(' */
	bool list; /* of values, or else a group of settings */
	enum position_state state;
	size_t line;
	size_t comma; /* line of the latest one */
	size_t index; /* in a list: of the latest value */
	struct token key; /* in a group: the latest name */
	size_t names; /* how many the groups around it have */
	const char *twice; /* start of a setting to be blanked, or NULL */
};

/* Start with findings, text and lexer; all else zero. */
struct position {
	struct findings *findings;
	char *text; /* that of the lexer, to be blanked in parts */
	struct lexer lexer;
	struct token token;
	struct position_frame frames[ENTRY_DEPTH_MAX + 1];
	size_t depth; /* of the innermost open bracket */
	size_t word_line; /* the latest with a bad word: others may follow */
	const char *ahead; /* of lexer_is_runaway() */
	bool done;
	bool stopped; /* before the end, at the first error of the structure */
	char what[ENTRY_PATH_MAX + 1];
	struct position_name *names; /* of all open groups */
	size_t n_names, names_room;
};

/* Notes an error of the value that is being read; what follows makes sense. */
void position_note(struct position *position, size_t line, const char *format,
    ...) __attribute__((format(printf, 3, 4)));

/* The same of something that the text can do without. */
void position_note_extra(struct position *position, size_t line,
    const char *what, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Notes an error of the structure, unless a bad word in that line explains it,
 * and is done: what follows would be guesswork. */
void position_stop(struct position *position, size_t line, const char *what,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Overwrites a part of the text with blanks, so that libconfig does not see it;
 * newlines stay. */
void position_blank(
    struct position *position, const char *from, const char *to);

/* The WHAT of a finding, valid until the next: "listeners[0].port" is what the
 * frames up to that depth are reading; or else the token in quotes. */
const char *position_key(struct position *position, size_t depth);
const char *position_here(struct position *position);
const char *position_token(struct position *position);

/* The precision and the text of %.*s: a token's first line, shortened. */
#define POSITION_SHOWN(token) position_shown_length(token), (token)->text
int position_shown_length(const struct token *token);

struct position_frame *position_top(struct position *position);

/* Reads the next token.  One that cannot be is noted, and becomes the end. */
void position_next(struct position *position);

/* The token is a setting's name: "port =", "port: ", but not "localhost:80". */
bool position_is_setting(const struct position *position);

/* The current token is a bracket: goes on behind it. */
void position_open(struct position *position);
void position_close(struct position *position);

/* The innermost bracket lacks its end before the current token. */
void position_unclosed(struct position *position);

/* The text ends here. */
void position_end(struct position *position);

/* '{' for '}', and so on. */
char position_opening_of(char closing);

#endif
