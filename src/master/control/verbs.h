/* The verbs of the control protocol, shared/control.h. */
#ifndef MASTER_CONTROL_VERBS_H
#define MASTER_CONTROL_VERBS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "master/control/client_rows.h"
#include "master/control/credentials.h"

struct control_actions;
struct overview;

/* What becomes of a request. */
struct verb_result {
	const char *refusal; /* it is no request: why, static text; else NULL */
	const char *denied; /* the verb that the peer has no right to; NULL */
	bool failed; /* text says why the order was not carried out */
	bool json;
	bool reload; /* a reload is asked for: the answer is its result */
	bool upgrade; /* the same for an upgrade */
	bool log_level; /* that is set now; it was: */
	int old_log_level;
	bool list; /* the answer is rows */
	struct client_rows rows;
	char *text; /* else the answer, which the caller frees; NULL: memory ran
		     * out */
};

/* Runs the request, a line of length bytes with a NUL behind it, which is
 * changed.  With rights to look only verbs that change nothing are run. */
void verbs_run(struct verb_result *result, char *line, size_t length,
    enum control_rights rights, const struct overview *overview,
    const struct control_actions *actions, int64_t now);

#endif
