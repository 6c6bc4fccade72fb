/* The verbs of the control protocol, shared/control.h. */
#ifndef MASTER_CONTROL_VERBS_H
#define MASTER_CONTROL_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct control_actions;
struct overview;

/* What becomes of a request. */
struct verb_result {
	const char *refusal; /* it is no request: why, static text; else NULL */
	bool failed; /* text says why the order was not carried out */
	bool json;
	bool reload; /* a reload is asked for: the answer is its result */
	char *text; /* else the answer, which the caller frees; NULL: memory ran
		     * out */
};

/* Runs the request, a line of length bytes with a NUL behind it, which is
 * changed. */
void verbs_run(struct verb_result *result, char *line, size_t length,
    const struct overview *overview, const struct control_actions *actions,
    int64_t now);

#endif
