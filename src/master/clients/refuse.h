/* Refuses clients, without a process: tells why, then lingers. */
#ifndef MASTER_CLIENTS_REFUSE_H
#define MASTER_CLIENTS_REFUSE_H

#include <stdbool.h>
#include <stdint.h>

#include "master/clients/counters.h"

struct refuse_log;
struct service;

/* True when there may be a line about a client of that source now. */
bool refuse_log_pass(struct refuse_log *log, uint64_t who, int64_t now);

/*
 * Tells the slot's client why it is refused, without waiting; counts and logs
 * it, leaves its connection to service->linger and frees the slot.  It must have
 * no child.
 */
void refuse(
    struct service *service, uint32_t slot, enum refusal why, int64_t now);

#endif
