/* One question to the daemon, and its answer. */
#ifndef CTL_ASK_H
#define CTL_ASK_H

#include <stddef.h>
#include <stdint.h>

#include "shared/control.h"

struct answer {
	enum control_status status;
	char *bytes; /* malloc'ed: out_length for standard output ... */
	size_t out_length;
	size_t err_length; /* ... then these for standard error */
};

/*
 * Sends request, a line with its newline, to the socket at path and waits for
 * the whole answer, for wait_ms milliseconds in all.  Returns CONTROL_OK when
 * there is an answer, whatever it says.  Otherwise why not (CONTROL_NOBODY,
 * CONTROL_TIMEOUT, CONTROL_DENIED or CONTROL_SYSTEM), which has then been
 * printed.
 */
enum control_status ask(const char *path, const char *request, int64_t wait_ms,
    struct answer *answer);

#endif
