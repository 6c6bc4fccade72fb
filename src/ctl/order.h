/* Orders: ready, drain, maintenance, with their options. */
#ifndef CTL_ORDER_H
#define CTL_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shared/control.h"

/* Long options without a letter, for getopt_long(3). */
enum { ORDER_UNTIL = 256, ORDER_REASON, ORDER_WAIT, ORDER_AT_LEAST };

/* Start with all zero; the texts are the command line's. */
struct order {
	int64_t until; /* seconds since 1970; 0: for ever */
	const char *reason; /* NULL: none */
	int64_t wait_ms; /* 0: not asked for */
	int64_t at_least_ms; /* of these */
	char **listeners; /* up to a NULL; none: all */
};

bool order_is_verb(const char *word);

/* Was any of its options given? */
bool order_is_given(const struct order *order);

/* Takes one of the options above.  Returns 0; or prints one line and returns
 * -1. */
int order_take(struct order *order, int option, const char *value);

/* Do its options go together?  Returns 0; or prints one line and returns -1. */
int order_check(const struct order *order);

/* Prints until when it holds, if not for ever.  Returns what output_text()
 * returns. */
int order_show(const struct order *order, int64_t deadline);

/* Writes the request, a line, to request (size bytes).  Returns 0; or prints one
 * line and returns -1. */
int order_request(const struct order *order, const char *verb, bool json,
    char *request, size_t size);

/* Asks the daemon at path until none of the listeners' clients is being served and
 * at_least_ms are over, or wait_ms are over, which is no failure, or until
 * deadline. */
enum control_status order_wait(
    const struct order *order, const char *path, int64_t deadline);

#endif
