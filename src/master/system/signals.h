/* Signals as a fresh program has them. */
#ifndef MASTER_SIGNALS_H
#define MASTER_SIGNALS_H

/*
 * Every signal gets its default action, also those that the C library hides,
 * and none is blocked: whatever was inherited.  Signals that were pending are
 * discarded, but not those that ask for the end (TERM, INT, QUIT).
 */
void signals_default(void);

#endif
