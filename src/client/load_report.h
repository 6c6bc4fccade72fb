/* What came of a load, for people and as JSON. */
#ifndef CLIENT_LOAD_REPORT_H
#define CLIENT_LOAD_REPORT_H

#include <stdbool.h>

#include "client/crowd_order.h"
#include "client/status.h"

/* The report on the server called label, with its last newline; the caller
 * frees it.  NULL: no memory. */
char *load_report(const struct crowd_order *order,
    const struct crowd_result *result, const char *label, bool json);

/* STATUS_OK when all that ended were greeted, or the status of the failure that
 * there was most of; a failure of this system goes before all. */
enum status load_status(const struct crowd_result *result);

#endif
