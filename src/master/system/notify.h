/* The service manager's notification protocol, sd_notify(3). */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdint.h>

#include "shared/state.h"

/*
 * Takes the socket's address from $NOTIFY_SOCKET, the watchdog's interval from
 * $WATCHDOG_USEC, unless $WATCHDOG_PID names another process
 * (sd_watchdog_enabled(3)), and removes the variables.  To be called by the
 * process that was started.  Without a socket the calls below do nothing.
 */
void notify_init(void);

struct manager;

/* The service manager's socket and interval, for notify_resume(). */
const struct manager *notify_manager(void);

/* Instead of notify_init(), after an exec: the same manager, whose descriptor is
 * opened anew. */
void notify_resume(const struct manager *before);

/*
 * Each tells one thing in a datagram, without waiting: READY=1 with STATUS=,
 * RELOADING=1 with MONOTONIC_USEC= (systemd 253 needs both in one), STOPPING=1.
 * One that cannot be sent, because the manager's socket is full or for another
 * reason, is kept and sent later: a manager that misses READY=1 waits for it,
 * and then kills us.  A later state takes the place of one that was not sent
 * yet, but RELOADING=1 is always sent before the READY=1 that ends the reload.
 */
void notify_ready(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void notify_reloading(void);
void notify_stopping(void);

/* notify_ready() with how many listeners are served, and how many of them are in
 * which state. */
void notify_serving(unsigned listeners, const unsigned count[STATE_COUNT]);

/* Tries once more what is still to be told, then forgets the service manager. */
void notify_end(void);

/*
 * For each turn of the loop: sends WATCHDOG=1 when half of the watchdog's
 * interval is over, and what could not be sent before.  Nothing else calls it,
 * so that a loop that hangs is noticed.
 */
void notify_alive(int64_t now);

/* clock_now() at which notify_alive() has something to do, CLOCK_NEVER. */
int64_t notify_wakeup(void);

#endif
