/* Who may ask over the control socket. */
#ifndef MASTER_CONTROL_CREDENTIALS_H
#define MASTER_CONTROL_CREDENTIALS_H

#include <sys/socket.h>

#include <stdbool.h>
#include <stdint.h>

struct log_limit;

/*
 * Stores in *who whose process is at the other end of the connection, and returns
 * true when it is root's or the daemon's own user's.  Otherwise says so in the
 * log, at most once a second.
 */
bool credentials_allow(
    struct ucred *who, int fd, struct log_limit *denials, int64_t now);

#endif
