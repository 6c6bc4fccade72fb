/* Decides about a client behind a proxy, once its child has said whom its PROXY
 * header declares. */
#ifndef MASTER_CLIENTS_DECLARE_H
#define MASTER_CLIENTS_DECLARE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/outcome.h"

struct service;

/* The master's end of the client's pair has something to say: lets the client in
 * and tells its child what to send, or has it end. */
void declare_event(struct service *service, uint32_t slot, int64_t now);

/*
 * Its child has ended with that outcome.  True when that is not the client's end:
 * it has been refused, or waits for another child.
 */
bool declare_goes_on(struct service *service, uint32_t slot,
    enum outcome outcome, int64_t now);

#endif
