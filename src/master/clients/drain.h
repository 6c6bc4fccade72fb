/* Reading what nobody wants: a close with unread input would make the kernel
 * send a reset, which can destroy what was sent before. */
#ifndef MASTER_CLIENTS_DRAIN_H
#define MASTER_CLIENTS_DRAIN_H

#include <stdint.h>

/*
 * Throws away what has come on the TCP socket fd, 256 KiB at most, so that the
 * others get their turn, and adds its bytes to *bytes.  Never blocks.  Returns
 * 1: more may come; 0: the end of stream; -1 with errno: the connection failed.
 */
int drain(int fd, uint64_t *bytes);

#endif
