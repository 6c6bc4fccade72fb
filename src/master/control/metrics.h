/* All that is counted, for Prometheus: what "forkgreetctl metrics" prints. */
#ifndef MASTER_CONTROL_METRICS_H
#define MASTER_CONTROL_METRICS_H

#include <stddef.h>

#include "master/control/series.h"

struct overview;

/* All of them, in the order in which they are shown. */
extern const struct metric metrics_list[];
extern const size_t metrics_count;

/* The text, which the caller frees; NULL when memory ran out. */
char *metrics_text(const struct overview *overview);

#endif
