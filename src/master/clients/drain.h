/* Discarding what clients send: a close with unread input would make the kernel
 * send a reset, which can destroy what was sent before. */
#ifndef MASTER_CLIENTS_DRAIN_H
#define MASTER_CLIENTS_DRAIN_H

#include <stdint.h>

/*
 * Discards what has arrived on the socket fd, 256 KiB at most so that
 * others get their turn, and adds the number of bytes to *bytes.  Never blocks.
 * Returns 1 when more may come, 0 at the end of stream, -1 with errno when the
 * connection has failed.
 */
int drain(int fd, uint64_t *bytes);

#endif
