/* Giving up root, all of it except at most CAP_NET_BIND_SERVICE. */
#ifndef MASTER_PRIVILEGES_H
#define MASTER_PRIVILEGES_H

#include <stdbool.h>

#include "master/system/accounts.h"

/* True when this process may change its user, because root has started it and
 * there are other users (shared/userns.h). */
bool privileges_are_root(void);

/*
 * Uses the identity's rights to files until privileges_return().  For root
 * only.  Ends the process when that fails.
 */
void privileges_borrow(const struct identity *identity);
void privileges_return(void);

/*
 * Gives up everything for good.  Root becomes the identity (NULL: an ordinary
 * user stays what it is); of the capabilities only CAP_NET_BIND_SERVICE is
 * kept, permitted, inheritable for privileges_pass() if it can be, and not
 * effective, and only if it was there; the bounding set is emptied when that is
 * allowed; no_new_privs is set; the process is not dumpable.  Then each of these is read back, and an attempt to get root back
 * must fail.  Ends the process (EXIT_PRIVILEGE or EXIT_SYSTEM, naming the step)
 * when anything is not in effect.
 */
void privileges_drop(const struct identity *identity);

/*
 * Makes CAP_NET_BIND_SERVICE effective, or no longer effective.  Does nothing
 * without the capability and before privileges_drop().  Returns 0, or -1 with
 * errno.
 */
int privileges_bind(bool on);

/*
 * Before an exec of a program that is to have CAP_NET_BIND_SERVICE as we have it:
 * makes it ambient (capabilities(7)), or undoes that.  Does nothing without the
 * capability.  Returns 0, or -1 with errno.
 */
int privileges_pass(bool on);

/*
 * For a child before its exec: empties all sets of capabilities.  Returns 0, or
 * -1 with errno, which is 0 when the call succeeded but is not in effect.
 */
int privileges_none(void);

#endif
