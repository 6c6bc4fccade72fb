/* Turning a client away without a process: the reason, and the end. */
#ifndef MASTER_REFUSE_H
#define MASTER_REFUSE_H

#include <stdint.h>

#include "master/clients/counters.h"

struct service;

/*
 * Tells the slot's client why it is refused, without waiting; counts and logs
 * it (at most one line a second), leaves its connection to service->linger, and
 * frees the slot.  It must be in no list and have no child.
 */
void refuse(
    struct service *service, uint32_t slot, enum refusal why, int64_t now);

#endif
