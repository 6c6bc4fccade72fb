/*
 * The lingering close: a child ends as soon as the kernel has all of its
 * greeting and the end of stream.  Until the client has closed too, the master,
 * which does not read what it says, has the connection: no process waits for it,
 * and it holds no place of limits.max_clients.
 */
#ifndef MASTER_CLIENTS_CLOSE_H
#define MASTER_CLIENTS_CLOSE_H

#include <stdbool.h>
#include <stdint.h>

struct client;
struct service;

/* The child of the slot's client has handed all of the greeting to the kernel,
 * and has ended. */
void close_begin(struct service *service, uint32_t slot, int64_t now);

/* The client's socket has something to say, or its deadline has come. */
void close_look(struct service *service, uint32_t slot, int64_t now);

/* True when the client has acknowledged all that it was sent. */
bool close_is_done(const struct client *client);

/* Ends it now, because the daemon stops or its descriptor is needed. */
void close_cut(struct service *service, uint32_t slot, int64_t now);

#endif
