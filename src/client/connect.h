/* Connecting to the first of several addresses that accepts. */
#ifndef CLIENT_CONNECT_H
#define CLIENT_CONNECT_H

#include <netdb.h>
#include <stdint.h>

#include "client/resolve.h"
#include "client/status.h"
#include "shared/addr.h"

/* Room for "NAME (ADDRESS:PORT)"; longer names and paths are cut. */
#define CONNECT_LABEL_MAX (NI_MAXHOST + ADDR_PORT_TEXT_MAX + 4)

/*
 * Connects to the first of peers that accepts.  Each gets an equal share of the
 * time that is left, so that a silent one leaves time for the next.
 * Returns STATUS_OK, stores the nonblocking socket, which the caller closes,
 * and in label what it is connected to; or prints one line and returns another
 * status: those of the first peer, or, if this system failed on one of them, of
 * that failure.
 */
enum status connect_first(const struct target *target,
    const struct peers *peers, int64_t deadline, int *fd,
    char label[CONNECT_LABEL_MAX]);

/*
 * Waits for data until the deadline, and reads: even when the data never ends,
 * the deadline holds.  Returns as recv(2), or -1 with errno ETIMEDOUT.
 */
ssize_t connect_read(int fd, char *data, size_t size, int64_t deadline);

/* What a failed recv(2) with that errno means. */
enum status connect_read_status(int error);

/* strerror(3), but shorter for ETIMEDOUT. */
const char *connect_why(int error);

#endif
