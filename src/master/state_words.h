/*
 * What the operator said of the listeners, as plain data and as text:
 *
 *	forkgreet-state 1
 *	all STATE UNTIL SINCE[ REASON]
 *	listener NAME STATE UNTIL SINCE[ REASON]
 *	end N CHECKSUM
 *
 * with a line for each of N words, one blank between two fields, times in
 * seconds since 1970, and 16 hexadecimal digits: the SipHash, with a key of
 * zeros, of all lines before the last.  That finds accidents; who may write the
 * text may say anything with it.
 */
#ifndef MASTER_STATE_WORDS_H
#define MASTER_STATE_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/config/conf.h"
#include "shared/state.h"

#define STATE_WORDS_MAX (CONF_LISTENERS_MAX + 1) /* each listener, and all */
#define STATE_TEXT_MAX (96u << 10) /* bytes: the most words take 84 KB */

struct state_word {
	char listener[CONF_NAME_MAX + 1]; /* "": all, future ones too */
	enum state state; /* not STATE_DOWN, which is no operator's word */
	int64_t until; /* seconds since 1970; 0: for ever */
	int64_t since; /* seconds since 1970 */
	char reason[STATE_REASON_MAX + 1]; /* printable; "": none */
};

struct state_words {
	struct state_word list[STATE_WORDS_MAX];
	size_t n;
};

/*
 * Reads a text of length bytes (no NUL needed).  Returns 0, or -1 when anything
 * in it is not as state_words_format() writes it; *words then has none.  Words
 * whose time is over are read as well.
 */
int state_words_parse(
    struct state_words *words, const char *text, size_t length);

/*
 * Writes the words to text, which has room bytes, without a NUL.  Bytes of a
 * reason that may not be shown are escaped (shared/escape.h), and what is then
 * beyond STATE_REASON_MAX is cut off.  Returns the number of bytes;
 * STATE_TEXT_MAX are always enough.  Returns 0 when there is less room than it
 * takes, or when the words could not be read again: more than STATE_WORDS_MAX,
 * two of one listener, a state that is no operator's word, a time before 1970,
 * or a blank or control byte in a name.
 */
size_t state_words_format(
    const struct state_words *words, char *text, size_t room);

/* Takes a word out of the list; another one moves to its place. */
void state_words_drop(struct state_words *words, struct state_word *word);

/* Drops those that ended by then, seconds since 1970; true when there was
 * one. */
bool state_words_expire(struct state_words *words, int64_t today);

#endif
