/* Sending one request to the daemon and reading its answer. */
#ifndef SHARED_ASK_H
#define SHARED_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "shared/control.h"

#define ASK_WHY_MAX                                              \
	256 /* room for a step, a path of 107 bytes and an error \
	     */

struct answer {
	enum control_status status;
	char *bytes; /* malloc'ed: out_length for standard output ... */
	size_t out_length;
	size_t err_length; /* ... then these for standard error */
	char why[ASK_WHY_MAX]; /* why there is no answer: step, path, error */
};

/*
 * Sends request, a line with its newline, to the socket at path and waits for
 * the whole answer, until deadline (shared/deadline.h).  Returns CONTROL_OK
 * when there is one as shared/control.h says, whatever it says; its bytes are
 * not to be trusted.  Otherwise CONTROL_NOBODY, CONTROL_TIMEOUT, CONTROL_DENIED
 * or CONTROL_SYSTEM, and why.  Either way the caller frees bytes.
 */
enum control_status ask(const char *path, const char *request, int64_t deadline,
    struct answer *answer);

#endif
