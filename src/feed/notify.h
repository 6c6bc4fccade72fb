/* What the service manager is told, sd_notify(3). */
#ifndef FEED_NOTIFY_H
#define FEED_NOTIFY_H

#include <stdint.h>

/*
 * Takes the address of the service manager's socket from $NOTIFY_SOCKET and the
 * watchdog's interval from $WATCHDOG_USEC, unless $WATCHDOG_PID names another
 * process (sd_watchdog_enabled(3)), and removes the variables: COMMAND is not
 * to speak for us.  Without a socket, or when one of them cannot be understood
 * (which is said), the calls below do nothing.
 */
void notify_init(void);

#define NOTIFY_STATUS_MAX 512 /* bytes: more than any verdict has */

/*
 * The verdict of a run, with or without its newline, becomes STATUS=, the first
 * time with READY=1.  It is cut at NOTIFY_STATUS_MAX bytes.  One that has not
 * changed is not told again.
 */
void notify_verdict(const char *line);

void notify_stopping(void);

/*
 * For each turn of a loop that waits: sends WATCHDOG=1 when half of the
 * watchdog's interval is over, and what could not be sent before.  No call
 * waits for a manager whose socket is full.
 */
void notify_step(void);

/* The moment at which notify_step() has something to do, or deadline if that is
 * earlier; both as in shared/deadline.h. */
int64_t notify_wakeup(int64_t deadline);

#endif
