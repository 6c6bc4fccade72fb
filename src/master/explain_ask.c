/* Asks the running daemon what it counts. */
#include "config.h"

#include "master/explain_ask.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "master/control/counts.h"
#include "master/explain_query.h"
#include "shared/arguments.h"
#include "shared/ask.h"
#include "shared/deadline.h"
#include "shared/escape.h"

/* The words, a name and an address. */
#define REQUEST_MAX (64 + CONF_NAME_MAX + ADDR_TEXT_MAX)

static void
request_make(char request[REQUEST_MAX], const struct explain_query *query)
{
	struct addr source = query->source;
	char address[ADDR_TEXT_MAX];

	source.scope = 0; /* no network or limit looks at it */
	snprintf(request, REQUEST_MAX, "counts listener=%s source=%s\n",
	    query->listener, addr_format(&source, address));
}

/* The daemon may be of another version, or something else. */
static const char *
take(struct counts *counts, const char *path, struct answer *answer,
    char why[EXPLAIN_WHY_MAX])
{
	char *error = answer->bytes + answer->out_length;
	size_t length = answer->err_length;
	char said[EXPLAIN_WHY_MAX / 2];

	if (answer->status != CONTROL_OK) {
		if (length > 0 && error[length - 1] == '\n')
			length--;
		escape_text(said, sizeof(said), error, length, "");
		snprintf(why, EXPLAIN_WHY_MAX, "%s: %s", path, said);
		return why;
	}
	if (counts_parse(counts, answer->bytes, answer->out_length) == 0)
		return NULL;
	*counts = COUNTS_NONE;
	snprintf(why, EXPLAIN_WHY_MAX,
	    "%s: it speaks another version's language", path);
	return why;
}

const char *
explain_ask(struct counts *counts, const char *path,
    const struct explain_query *query, char why[EXPLAIN_WHY_MAX])
{
	char request[REQUEST_MAX];
	const char *silence = why;
	struct answer answer;

	*counts = COUNTS_NONE;
	if (*path == '\0')
		return "control_socket is \"\"";
	request_make(request, query);
	if (ask(path, request, deadline_after(ARGUMENTS_WAIT_MS), &answer) ==
	    CONTROL_OK)
		silence = take(counts, path, &answer, why);
	else
		escape_text(why, EXPLAIN_WHY_MAX, answer.why,
		    strlen(answer.why), "");
	free(answer.bytes);
	return silence;
}
