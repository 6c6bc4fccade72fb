/* The service manager's socket, sd_notify(3). */
#ifndef SHARED_MANAGER_H
#define SHARED_MANAGER_H

#include <sys/socket.h>
#include <sys/un.h>

#include <stdbool.h>
#include <stdint.h>

#define MANAGER_WHY_MAX 256 /* bytes of a complaint, with its NUL */

struct manager {
	int fd; /* -1: there is none */
	struct sockaddr_un address;
	socklen_t length;
	int64_t alive_every; /* microseconds; 0: there is no watchdog */
};

/*
 * Takes the socket's address from $NOTIFY_SOCKET and half of the watchdog's
 * interval from $WATCHDOG_USEC, unless $WATCHDOG_PID names another process
 * (sd_watchdog_enabled(3)), and removes the variables: no child is to speak for
 * us.  To be called by the process that was started.  Returns 0; or -1 when one
 * of them cannot be understood, which why then says, and is as if it were not
 * there.
 */
int manager_open(struct manager *manager, char why[MANAGER_WHY_MAX]);

/* Sends a datagram without waiting.  Returns 0, also without a manager, or -1
 * with errno. */
int manager_tell(const struct manager *manager, const char *text);

#endif
