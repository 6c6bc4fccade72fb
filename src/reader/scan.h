/* Where precheck() is in the text: at which token, within which brackets, at
 * which key; and complaints that say so. */
#ifndef MASTER_SCAN_H
#define MASTER_SCAN_H

#include <stdbool.h>
#include <stddef.h>

#include "reader/lexer.h"

struct report;

#define SCAN_DEPTH_MAX 16 /* our own keys nest 5 deep; spares libconfig */
#define SCAN_WHAT_MAX 128 /* a dotted key in a message */
#define SCAN_SHOWN_MAX 40 /* a token in one */

enum scan_state {
	SCAN_START, /* behind the opening bracket, or a setting's ';' */
	SCAN_VALUE, /* behind a value */
	SCAN_COMMA,
	SCAN_LEFTOVER, /* values where none can be, reported already */
};

/* An open bracket; frames[0] is the file, a group without brackets. */
struct scan_frame {
	char open; /* '{', '[', '(' */
	bool list; /* of values, or else a group of settings */
	bool stray; /* should not be there, reported already */
	enum scan_state state;
	size_t line;
	size_t comma; /* line of the latest one */
	size_t index; /* in a list: of the latest value */
	struct token key; /* in a group: the latest name */
};

/* Start with path, report and lexer; all else zero. */
struct scan {
	const char *path;
	struct report *report;
	struct lexer lexer;
	struct token token;
	struct scan_frame frames[SCAN_DEPTH_MAX + 1];
	size_t depth; /* of the innermost open bracket */
	size_t broken_line; /* its structure was reported */
	size_t word_line; /* a bad word of it was reported */
	const char *ahead; /* of lexer_is_runaway() */
	bool done; /* no more complaints */
	char what[SCAN_WHAT_MAX];
};

/* Reports "PATH:LINE: WHAT: ". */
void scan_complain(struct scan *scan, size_t line, const char *what,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The same about the structure: not when a word or the structure of that line
 * was reported, because one leads to others. */
void scan_complain_once(struct scan *scan, size_t line, const char *what,
    const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The WHAT of a complaint, valid until the next: "listeners[0].port" is what
 * the frames up to that depth are reading; or else the token in quotes. */
const char *scan_key(struct scan *scan, size_t depth);
const char *scan_here(struct scan *scan);
const char *scan_token(struct scan *scan);

/* The precision and the text of %.*s: a token's first line, shortened. */
#define SCAN_SHOWN(token) scan_shown_length(token), (token)->text
int scan_shown_length(const struct token *token);

struct scan_frame *scan_top(struct scan *scan);

/* Reads the next token.  One that cannot be is reported, and becomes the
 * end. */
void scan_next(struct scan *scan);

/* The token is a setting's name: "port =", "port: ", but not "localhost:80". */
bool scan_is_setting(const struct scan *scan);

/* The current token is a bracket: moves on behind it. */
void scan_open(struct scan *scan);
void scan_close(struct scan *scan);

/* The innermost bracket lacks its end before the current token: says so, and
 * goes on in the one around it. */
void scan_drop(struct scan *scan);

/* The text ends here: says which brackets lack their end, and is done. */
void scan_end(struct scan *scan);

/* '{' for '}', and so on. */
char scan_opening_of(char closing);

#endif
