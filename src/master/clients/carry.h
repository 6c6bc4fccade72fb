/* Carrying clients, their sources and counters over an exec. */
#ifndef MASTER_CLIENTS_CARRY_H
#define MASTER_CLIENTS_CARRY_H

#include <stdint.h>

struct counters;
struct pack;
struct service;
struct unpack;

/* Writes the clients, and the descriptors of their connections.  No spawner may
 * have one that is not decided (spawners_are_busy()). */
void carry_pack_clients(struct pack *pack, const struct service *service);

/*
 * Before the first serve_configure(), after which steps are taken with them:
 * clients in their phases, with their children and process groups.  Returns
 * NULL, or what failed (static text) with errno.
 */
const char *carry_unpack_clients(
    const struct unpack *unpack, struct service *service);

/* The counters with their rows, which clients and listeners name; read into a
 * service that serve_init() has just made.  Returns NULL, or what failed (static
 * text) with errno. */
void carry_pack_counters(struct pack *pack, const struct service *service);
const char *carry_unpack_counters(
    const struct unpack *unpack, struct service *service);

/* Of these, those that are told apart by a name: refusals, outcomes, ranges of
 * durations, errors of accept(2).  What another program has counted under a name
 * that we do not know is left out, also of what was accepted. */
void carry_pack_numbers(struct pack *pack, const struct counters *counters);
void carry_unpack_numbers(
    const struct unpack *unpack, struct counters *counters);

/* The levels of buckets, also of sources without clients, and whether the log says
 * that the daemon is full; read after the first serve_configure(). */
void carry_pack_levels(struct pack *pack, const struct service *service);
void carry_unpack_levels(
    const struct unpack *unpack, struct service *service, int64_t now);

#endif
