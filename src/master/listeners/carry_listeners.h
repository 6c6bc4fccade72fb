/* Listening sockets go over an exec. */
#ifndef MASTER_CARRY_LISTENERS_H
#define MASTER_CARRY_LISTENERS_H

struct listeners;
struct pack;
struct unpack;

/* Writes them, and those that the service manager has passed to us. */
void carry_pack_listeners(
    struct pack *pack, const struct listeners *listeners);

/* Into an empty set, which listeners_bind() takes them over from.  Returns 0, or
 * -1 with errno. */
int carry_unpack_listeners(
    const struct unpack *unpack, struct listeners *listeners);

#endif
