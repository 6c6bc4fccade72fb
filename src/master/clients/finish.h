/* Ends a client: closes, counts and logs it. */
#ifndef MASTER_CLIENTS_FINISH_H
#define MASTER_CLIENTS_FINISH_H

#include <stdint.h>

#include "shared/outcome.h"

struct service;
struct tcp_info;

/* Ends the client in the slot, which has no child any more, with that outcome;
 * info is of its socket.  Closes the socket and frees the slot. */
void finish(struct service *service, uint32_t slot, enum outcome outcome,
    const struct tcp_info *info, int64_t now);

#endif
