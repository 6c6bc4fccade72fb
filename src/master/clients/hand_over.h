/* Handing accepted clients over to the spawner, which clones a child for each. */
#ifndef MASTER_CLIENTS_HAND_OVER_H
#define MASTER_CLIENTS_HAND_OVER_H

#include <stdbool.h>
#include <stdint.h>

struct service;

/* Gives the slot's client to the spawner: it is CLIENT_HANDED then.  False, and
 * nothing changed, when the spawner cannot take it now. */
bool hand_over(struct service *service, uint32_t slot, int64_t now);

/* Learns what became of clients that spawners have, hands over those that wait,
 * refuses those that have waited too long. */
void hand_over_step(struct service *service, int64_t now);

/* clock_now() at which hand_over_step() has something to do, or CLOCK_NEVER. */
int64_t hand_over_wakeup(const struct service *service);

#endif
