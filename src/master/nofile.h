/* Descriptors for all the clients that may come. */
#ifndef MASTER_NOFILE_H
#define MASTER_NOFILE_H

struct conf;
struct report;

/*
 * Raises the limit on open files to what limits.max_clients needs, the hard
 * one too where we may (CAP_SYS_RESOURCE); warns when that is not to be had:
 * clients then wait in the backlog.  Never lowers it.  path names the
 * configuration in messages.
 */
void nofile_raise(
    const struct conf *conf, const char *path, struct report *report);

#endif
