/* Going to the background; the command that was started reports how it went. */
#ifndef MASTER_DAEMONIZE_H
#define MASTER_DAEMONIZE_H

#include <stdbool.h>

/*
 * Returns in a grandchild, in a session of its own.  The process that was
 * started waits, and exits with 0 at daemonize_ready(), with the status that
 * fatal() was called with, or with EXIT_SYSTEM when the grandchild died.
 */
void daemonize_start(void);

/* Changes to "/", so that other file systems can be unmounted, and opens what
 * daemonize_ready() needs. */
void daemonize_leave(void);

/*
 * The daemon serves: lets the waiting process exit and redirects descriptors 0
 * to 2 to /dev/null (but not 2 with keep_stderr).  Without daemonize_start()
 * only descriptor 0 is redirected.
 */
void daemonize_ready(bool keep_stderr);

/* After an exec: had_stderr is what daemonize_has_stderr() said before. */
void daemonize_resume(bool had_stderr);

/* False once daemonize_ready() has turned descriptor 2 to /dev/null: from then
 * on nothing that is written there is seen by anybody. */
bool daemonize_has_stderr(void);

#endif
