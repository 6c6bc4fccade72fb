/* Ends a client: closes, counts and logs it. */
#ifndef MASTER_CLIENTS_FINISH_H
#define MASTER_CLIENTS_FINISH_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/outcome.h"

struct client;
struct service;
struct delivery;

/* Ends the client in the slot, which has no child any more, with that outcome;
 * delivery is of its socket.  Closes the socket and frees the slot. */
void finish(struct service *service, uint32_t slot, enum outcome outcome,
    const struct delivery *delivery, int64_t now);

/* How many bytes of its greeting the client has acknowledged until now, as the
 * log will count them; asks the kernel.  False while that is not known. */
bool finish_bytes(const struct client *client, uint64_t *bytes);

#endif
