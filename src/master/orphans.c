/* Reaps children that nobody in the daemon started. */
#include "config.h"

#include "master/orphans.h"

#include "master/config/load.h"
#include "master/server.h"
#include "master/system/child.h"
#include "master/upgrade.h"

/* Does somebody here wait for that child? */
static bool
is_ours(const void *context, pid_t pid)
{
	const struct server *server = context;

	return spawners_know(&server->spawners, pid) ||
	    clients_have(&server->service.clients, pid) ||
	    (server->reload.load != NULL &&
		load_child(server->reload.load) == pid) ||
	    upgrade_child(server) == pid;
}

void
orphans_step(struct server *server, int64_t now)
{
	child_adopt_step(now, is_ours, server);
}

int64_t
orphans_wakeup(const struct server *server)
{
	(void)server;
	return child_adopt_wakeup();
}
