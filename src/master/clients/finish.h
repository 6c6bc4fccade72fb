/* The last of a client: closed, counted, logged. */
#ifndef MASTER_FINISH_H
#define MASTER_FINISH_H

#include <stdint.h>

#include "shared/outcome.h"

struct service;
struct tcp_info;

/*
 * The client in the slot, whose child has ended and which is in no list and not
 * in the heap, has that outcome; info is of its socket.  The socket is closed
 * and the slot free.
 */
void finish(struct service *service, uint32_t slot, enum outcome outcome,
    const struct tcp_info *info, int64_t now);

#endif
