/* The words of a health file: what an agent says to HAProxy ("agent-check" in
 * HAProxy's configuration manual, section 5.2). */
#ifndef SHARED_HEALTH_H
#define SHARED_HEALTH_H

#include <stddef.h>

#include "shared/state.h"

#define HEALTH_REASON_MAX 100 /* bytes: fits into a log line */
#define HEALTH_NO_WEIGHT -1

struct health {
	enum state state;
	int weight; /* percent, 0 to 100, or HEALTH_NO_WEIGHT */
	char reason[HEALTH_REASON_MAX + 1]; /* printable; "": none */
};

enum health_parse {
	HEALTH_GOOD,
	HEALTH_UNFINISHED, /* it is being written, look once more */
	HEALTH_BAD
};

/*
 * Reads the first line of text (length bytes, no NUL needed); what follows it
 * does not matter.  A carriage return before the newline is left out.  The line
 * has words, in upper or lower case, between blanks, tabs and commas:
 *
 *	up, ready               STATE_READY
 *	down, fail, stopped     STATE_DOWN
 *	drain                   STATE_DRAIN
 *	maint                   STATE_MAINTENANCE
 *	0% to 100%              the weight; alone: STATE_READY
 *	#reason                 to the end of the line, after at least one word
 *
 * Of several states the greatest holds (HAProxy has two kinds of them, which
 * hold at the same time), of several weights the last, as with HAProxy.  The
 * reason has its outer blanks removed, is made printable as by escape_text(),
 * and is cut after HEALTH_REASON_MAX bytes.
 *
 * Returns HEALTH_GOOD, or HEALTH_UNFINISHED when there is no newline, or
 * HEALTH_BAD for anything else: no word at all, an unknown word ("maxconn:" is
 * one), a control byte.  *health is always set.  It then is STATE_DOWN with a
 * reason that says what is wrong ("empty" for an empty text), also in a line
 * without its newline; otherwise that has what it says as it stands.
 */
enum health_parse health_parse(
    const char *text, size_t length, struct health *health);

#endif
