/* Setting all signals to their defaults. */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

/*
 * Gives every signal its default action, including those that the C library
 * hides, and unblocks all, whatever was inherited.  Pending signals are
 * discarded, but those that ask for the end (TERM, INT, QUIT) are not.
 */
void signals_default(void);

#endif
