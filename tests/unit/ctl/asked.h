/* A daemon and a clock that a test plays for forkgreetctl.  Linked with
 * asked_wraps. */
#ifndef TESTS_UNIT_CTL_ASKED_H
#define TESTS_UNIT_CTL_ASKED_H

#include <stddef.h>

#include "shared/control.h"

#define PATH "/run/control"
#define SECOND 1000000000

/* What ask() returns; then the answer. */
struct answering {
	enum control_status of_ask, status;
	const char *out, *err; /* err: why there is no answer */
};

/* It answers these, one after the other; then nobody does. */
void asked_answer(const struct answering *answer);
extern size_t asked_times;
extern char asked_requests[256]; /* all that it was asked */

extern char asked_said[512]; /* by output_error(), once */
extern long long asked_now; /* the time is what is waited for */

/* Before each. */
void asked_begin(void);

#endif
