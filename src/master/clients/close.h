/*
 * Seeing clients off: a child ends as soon as the kernel has all of its greeting
 * and the end of stream.  Until the client has ended too, the master, which does
 * not read what it says, has the connection: no process waits for it.
 */
#ifndef MASTER_CLOSING_H
#define MASTER_CLOSING_H

#include <stdint.h>

struct service;

/* The child of the slot's client has given all of the greeting to the kernel,
 * and has ended. */
void close_begin(struct service *service, uint32_t slot, int64_t now);

/* The client's socket has something to say, or its deadline has come. */
void close_look(struct service *service, uint32_t slot, int64_t now);

/* Ends it now, because the daemon stops. */
void close_cut(struct service *service, uint32_t slot, int64_t now);

#endif
