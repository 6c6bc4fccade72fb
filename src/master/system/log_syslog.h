/* The system's log socket, as syslog(3) speaks to it. */
#ifndef MASTER_LOG_SYSLOG_H
#define MASTER_LOG_SYSLOG_H

#include <stdbool.h>

#define LOG_SYSLOG_SOCKET "/dev/log" /* _PATH_LOG of every libc on Linux */

/*
 * Connects to it, if we are not; false with errno, as log_socket_connect().  It
 * may be a datagram socket, or a stream, on which each line ends with a NUL byte
 * (both as in glibc's syslog(3)).
 */
bool log_syslog_connect(void);

/*
 * Writes a line in the form of RFC 3164, priority with the facility in it,
 * without waiting; connects first, and again when the log server was restarted.
 * Returns how many lines were lost: 0, this one, or with it an earlier one of
 * which the server that has gone had taken but a part.
 */
unsigned log_syslog_put(int priority, const char *text);

/* Disconnects; the next line may connect again at once.  Returns how many lines
 * were lost, as above. */
unsigned log_syslog_close(void);

#endif
