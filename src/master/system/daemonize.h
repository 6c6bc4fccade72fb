/* Going to the background, so that the command which started us knows how it
 * went. */
#ifndef MASTER_DAEMONIZE_H
#define MASTER_DAEMONIZE_H

#include <stdbool.h>

/*
 * Returns in a grandchild, in a session of its own.  The process that was
 * started waits, and exits with 0 at daemonize_ready(), with the status that
 * fatal() was called with, or with EXIT_SYSTEM when the grandchild died.
 */
void daemonize_start(void);

/* Changes to "/", so that no file system is kept from being unmounted, and
 * opens what daemonize_ready() needs. */
void daemonize_leave(void);

/*
 * The daemon serves: lets the waiting process exit and turns descriptors 0 to
 * 2 to /dev/null (2 stays when keep_stderr).  Without daemonize_start() only
 * descriptor 0 is turned.
 */
void daemonize_ready(bool keep_stderr);

#endif
