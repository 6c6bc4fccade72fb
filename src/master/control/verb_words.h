/* The words of a control request behind its verb, shared/control.h. */
#ifndef MASTER_CONTROL_VERB_WORDS_H
#define MASTER_CONTROL_VERB_WORDS_H

#include <stdbool.h>

#include "master/control/orders.h"

/* Words that a request may have, bits. */
enum verb_words {
	WORD_JSON = 1,
	WORD_LISTENER = 2,
	WORD_UNTIL = 4,
	WORD_REASON = 8,
	WORD_SOURCE = 16,
	WORD_LEVEL = 32,
};

/* A request, taken apart; its texts are those of the line. */
struct verb_request {
	const char *verb;
	bool json;
	unsigned given; /* enum verb_words */
	struct state_order order; /* also the listeners of other verbs */
	const char *source; /* NULL: none, as below */
	const char *level;
};

/* Takes n words apart, the first of which is the verb.  Returns 0, or -1 when one
 * is none of those above, stands where it may not, or has no valid value. */
int verb_words_take(struct verb_request *request, char **texts, int n);

#endif
