/* Upgrading: this process executes the program that is installed now, and keeps
 * its pid, its sockets and its clients. */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include <sys/types.h>

#include <stdint.h>

struct server;

/* Goes on with an upgrade that is wanted (server->upgrade.wanted): tries the new
 * program, and executes it once it has passed and no client is on its way to a
 * spawner.  One that fails leaves all as it was, and the log says why. */
void upgrade_step(struct server *server, int64_t now);

/* clock_now() at which upgrade_step() has something to do, or CLOCK_NEVER. */
int64_t upgrade_wakeup(const struct server *server);

/* The trial's process, 0: there is none. */
pid_t upgrade_child(const struct server *server);

/* The daemon stops: no upgrade goes on. */
void upgrade_cancel(struct server *server);

#endif
