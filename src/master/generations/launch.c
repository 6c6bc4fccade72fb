/* Starting a forkgreet-spawner process. */
#include "config.h"

#include "master/generations/launch.h"

#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "master/system/executable.h"
#include "shared/plan.h"

_Static_assert(SPAWNER_PLAN == SPAWNER_SOCKET + 1 &&
	SPAWNER_PAGE == SPAWNER_SOCKET + 2, "one behind the other");

/* Tells the master what failed, as the spawner itself would. */
static void
fail(int socket, const char *step)
{
	struct plan_failure failure = { .error = errno };

	snprintf(failure.step, sizeof(failure.step), "%s%s", step,
	    strcmp(step, "exec") == 0 ? " of " LAUNCH_NAME : "");
	send(socket, &failure, sizeof(failure), MSG_NOSIGNAL);
	_exit(1);
}

pid_t
launch(int executable, int socket, int plan, int page)
{
	const struct executable spawner = {
		.fd = executable,
		.name = LAUNCH_NAME,
		.fds = { socket, plan, page },
		.n_fds = 3,
		.first = SPAWNER_SOCKET,
		.own_group = true,
		.fail = fail,
	};

	return executable_run(&spawner);
}
