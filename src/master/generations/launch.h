/* Starting a forkgreet-spawner process. */
#ifndef MASTER_LAUNCH_H
#define MASTER_LAUNCH_H

#include <sys/types.h>

/*
 * Opens the spawner's executable: the one beside our own when we run from a
 * build tree, else the installed one.  It stays open, so that a package upgrade
 * does not mix versions.  Returns the descriptor, or -1 as
 * file_open_program(), with the path in *path (static) either way.
 */
int launch_open(const char **path, const char **why);

/*
 * Runs the executable with the descriptors of shared/plan.h and nothing else:
 * no capabilities, default signals, a process group of its own (groups.h; a
 * terminal's ^C is for the master), in which it is when launch() returns.
 * Returns its pid, or -1 with errno.  A child that cannot exec sends a struct
 * plan_failure through socket.
 */
pid_t launch(int executable, int socket, int plan, int page);

#endif
