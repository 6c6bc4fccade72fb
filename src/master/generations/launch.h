/* Starting a forkgreet-spawner process. */
#ifndef MASTER_LAUNCH_H
#define MASTER_LAUNCH_H

#include <sys/types.h>

#define LAUNCH_NAME "forkgreet-spawner"

/*
 * Runs the executable (executable_open()) with the descriptors of shared/plan.h
 * and nothing else: no capabilities, default signals, a process group of its own
 * (groups.h), in which it is when launch() returns.
 * Returns its pid, or -1 with errno.  A child that cannot exec sends a struct
 * plan_failure through socket.
 */
pid_t launch(int executable, int socket, int plan, int page);

#endif
