/* What the parsing child tells the master through a pipe. */
#ifndef MASTER_FRAME_H
#define MASTER_FRAME_H

#include <stddef.h>

#include "master/config/conf.h"

struct report;

/* Most bytes that a frame may have. */
size_t frame_max(void);

/*
 * Writes report, and conf unless it is NULL, to fd.  Returns 0, or -1 with
 * errno.  For the child.
 */
int frame_write(int fd, const struct conf *conf, const struct report *report);

/*
 * Reads length bytes, trusting none of them: adds the lines of the child's
 * report to report and stores a copy of the configuration, checked by
 * conf_recheck(), in *conf, which the caller frees with free().  Returns 0, or
 * -1 with *conf NULL and at least one error in report.  path is for messages.
 */
int frame_read(const char *bytes, size_t length, const char *path,
    struct conf **conf, struct report *report);

#endif
