/* Setting all signals to their defaults. */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

#include <signal.h>

/* Each of these asks the kernel what has come of it: -1 with errno, which is 0
 * when it went through but is not in effect. */

/*
 * Gives every signal its default action, including those that the C library
 * hides, and unblocks all, whatever was inherited.  Pending signals are
 * discarded, but those that ask for the end (TERM, INT, QUIT) are not.
 */
int signals_default(void);

int signals_ignore(int number);

/* These and no others. */
int signals_block(const sigset_t *set);

#endif
