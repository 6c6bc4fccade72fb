/* Backlogs that the kernel would cut. */
#ifndef MASTER_SOMAXCONN_H
#define MASTER_SOMAXCONN_H

#include "master/config/conf.h"

struct report;

#define SOMAXCONN_FILE "/proc/sys/net/core/somaxconn"

/*
 * Warns of each listener whose backlog is above what listen(2) takes here,
 * which the file of that name says.  path is the configuration's, for
 * messages.  Without that file (no /proc) it says nothing.
 */
void somaxconn_check(const struct conf *conf, const char *file,
    const char *path, struct report *report);

#endif
