/* The service manager's notification protocol, sd_notify(3). */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

/*
 * Takes the socket's address from $NOTIFY_SOCKET and removes the variable.
 * Without one the calls below do nothing.
 */
void notify_init(void);

/*
 * Each sends one datagram, without waiting: READY=1 with STATUS=, RELOADING=1
 * with MONOTONIC_USEC= (systemd 253 wants both in one), STOPPING=1.
 */
void notify_ready(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void notify_reloading(void);

void notify_stopping(void);

/* Forgets the service manager; nothing is told any more. */
void notify_end(void);

#endif
