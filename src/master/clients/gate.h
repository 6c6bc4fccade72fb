/* Lets clients in, or refuses them, as admit.h decides. */
#ifndef MASTER_CLIENTS_GATE_H
#define MASTER_CLIENTS_GATE_H

#include <stdbool.h>
#include <stdint.h>

#include "shared/refusal.h"

struct client;
struct conf_limits;
struct listener;
struct service;

/* Makes the running configuration the base of decisions, and counts live
 * clients again by it. */
void gate_configure(struct service *service, int64_t now);

/* The limits whose max_clients a client of the listener would exceed, or
 * NULL. */
const struct conf_limits *gate_full(
    const struct service *service, const struct listener *listener);

/*
 * Decides about the client, which is counted in its listener's row; full is the
 * result of gate_full().  Sets what the decision says of it, and returns true
 * when it is let in; or false, and *why.  Nobody is told.
 */
bool gate_decide(struct service *service, struct client *client,
    const struct conf_limits *full, enum refusal *why, int64_t now);

/*
 * Decides about the client in the slot, which is counted in its listener's row;
 * full is the result of gate_full().  Returns true when the client is let in,
 * with its session set, or false when it has been refused and the slot is free.
 */
bool gate_pass(struct service *service, uint32_t slot,
    const struct conf_limits *full, int64_t now);

#endif
