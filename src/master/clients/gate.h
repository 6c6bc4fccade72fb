/* Lets clients in, or refuses them, as admit.h decides. */
#ifndef MASTER_CLIENTS_GATE_H
#define MASTER_CLIENTS_GATE_H

#include <stdbool.h>
#include <stdint.h>

struct conf_limits;
struct listener;
struct service;

/* Makes the running configuration that of the decisions too; clients who live
 * are counted anew by it. */
void gate_configure(struct service *service, int64_t now);

/* The limits whose max_clients a client of the listener would break; NULL. */
const struct conf_limits *gate_full(
    const struct service *service, const struct listener *listener);

/*
 * Decides about the client that is in the slot, and counted in its listener's
 * row; full is what gate_full() said before.  Either it is let in, and has its
 * session; or it is refused, and the slot is free.  Returns true when it is let
 * in.
 */
bool gate_pass(struct service *service, uint32_t slot,
    const struct conf_limits *full, int64_t now);

#endif
