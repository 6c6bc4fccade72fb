/* What forkgreetctl prints of a reload. */
#ifndef MASTER_CONTROL_RELOAD_TEXT_H
#define MASTER_CONTROL_RELOAD_TEXT_H

#include <stdbool.h>

#include "shared/control.h"

struct overview;
struct report;

/* Each returns a text that the caller frees, or NULL when memory ran out. */

/* The result of a reload that has just ended: "", or one JSON object. */
char *reload_text(const struct overview *overview, const struct report *report,
    enum control_status status, bool json);

/* The report's lines as forkgreetd -t prints them. */
char *reload_text_report(const struct report *report);

#endif
