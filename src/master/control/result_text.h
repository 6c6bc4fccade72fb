/* What forkgreetctl prints of a reload, or an upgrade. */
#ifndef MASTER_CONTROL_RESULT_TEXT_H
#define MASTER_CONTROL_RESULT_TEXT_H

#include <stdbool.h>

#include "shared/control.h"

struct overview;
struct report;

/* Each returns a text that the caller frees, or NULL when memory ran out. */

/* The result of a reload that has just ended: "", or one JSON object. */
char *result_reload(const struct overview *overview, const struct report *report,
    enum control_status status, bool json);

/* The result of an upgrade from the version was (NULL: it failed): "" when it
 * failed, a line, or one JSON object. */
char *result_upgrade(const struct overview *overview,
    const struct report *report, enum control_status status, const char *was,
    bool json);

/* The report's lines as forkgreetd -t prints them. */
char *result_report(const struct report *report);

#endif
