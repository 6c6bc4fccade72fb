/* What a listener is ready for: the operator and its health file say it. */
#ifndef SHARED_STATE_H
#define SHARED_STATE_H

#include <stdbool.h>

/* A greater one wins when several are said of one listener. */
enum state {
	STATE_READY,
	STATE_DRAIN, /* serves, but wants no new clients */
	STATE_DOWN, /* does not work; only a health file says so */
	STATE_MAINTENANCE, /* taken out by somebody */
	STATE_COUNT
};

/* Why, in the operator's or the health file's words: bytes. */
#define STATE_REASON_MAX 200

/* The state's name as it stands in logs, status and metrics; static text. */
const char *state_name(enum state state);

/*
 * Reads an operator's word: the name of a state, in lower case, but "down" is
 * not one.  Returns false, and leaves *state as it is, for any other word.
 */
bool state_parse(const char *word, enum state *state);

#endif
