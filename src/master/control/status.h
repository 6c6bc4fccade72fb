/* What forkgreetctl prints: texts made of the daemon's state. */
#ifndef MASTER_STATUS_H
#define MASTER_STATUS_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/control.h"

struct report;
struct server;

/* Each returns a text that the caller frees, or NULL when memory ran out. */

/* All that "status" shows, for people or as one JSON object. */
char *status_text(const struct server *server, bool json, int64_t now);

/* The result of a reload that has just ended: "", or one JSON object. */
char *status_reload_text(const struct server *server,
    const struct report *report, enum control_status status, bool json);

/* The report's lines as forkgreetd -t prints them. */
char *status_report_text(const struct report *report);

#endif
