/* The service manager's notification protocol, sd_notify(3). */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdint.h>

/*
 * Takes the socket's address from $NOTIFY_SOCKET, the watchdog's interval from
 * $WATCHDOG_USEC, unless $WATCHDOG_PID names another process
 * (sd_watchdog_enabled(3)), and removes the variables.  To be called by the
 * process that was started.  Without a socket the calls below do nothing.
 */
void notify_init(void);

/*
 * Each sends one datagram, without waiting: READY=1 with STATUS=, RELOADING=1
 * with MONOTONIC_USEC= (systemd 253 needs both in one datagram), STOPPING=1.
 */
void notify_ready(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void notify_reloading(void);

void notify_stopping(void);

/* Forgets the service manager; nothing is sent any more. */
void notify_end(void);
/*
 * For each turn of the loop: sends WATCHDOG=1 when half of the watchdog's
 * interval is over.  Nothing else calls it, so that a loop that hangs is
 * noticed.
 */
void notify_alive(int64_t now);

/* clock_now() at which notify_alive() has something to do, CLOCK_NEVER. */
int64_t notify_wakeup(void);

#endif
