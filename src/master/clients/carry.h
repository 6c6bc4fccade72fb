/* Carrying clients, their sources and counters over an exec. */
#ifndef MASTER_CLIENTS_CARRY_H
#define MASTER_CLIENTS_CARRY_H

#include <stdint.h>

struct pack;
struct service;
struct unpack;

/* Writes all that the service knows of clients, and the descriptors of their
 * connections.  No spawner may have one that is not decided
 * (spawners_are_busy()). */
void carry_pack(struct pack *pack, const struct service *service);

/* Into a service that serve_init() has just made: the counters with their rows.
 * Returns NULL, or what failed (static text) with errno. */
const char *carry_unpack_counters(
    const struct unpack *unpack, struct service *service);

/*
 * Before the first serve_configure(), after which steps are taken with them:
 * clients in their phases, with their children and process groups.  Returns
 * NULL, or what failed (static text) with errno.
 */
const char *carry_unpack_clients(
    const struct unpack *unpack, struct service *service);

/* After the first serve_configure(): the levels of buckets, also of sources
 * without clients. */
void carry_unpack_buckets(
    const struct unpack *unpack, struct service *service, int64_t now);

#endif
