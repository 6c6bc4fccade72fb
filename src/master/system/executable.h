/* Programs of our own that run as our children. */
#ifndef MASTER_SYSTEM_EXECUTABLE_H
#define MASTER_SYSTEM_EXECUTABLE_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>

/*
 * Opens the program of that name: the one beside our own when we run from a
 * build tree, else the installed one.  It stays open, so that a package upgrade
 * does not mix versions, and because a checkout may be where only root gets to.
 * Returns the descriptor, or -1 as file_open_program(), with the path in *path
 * (valid until the next call) either way.
 */
int executable_open(const char *name, const char **path, const char **why);

/* How to run one. */
struct executable {
	int fd; /* of executable_open() */
	const char *name; /* argv[0] */
	const char *argument; /* argv[1], or NULL */
	int fds[3]; /* what it gets, fds[i] as descriptor first + i ... */
	size_t n_fds;
	int first; /* ... and nothing else */
	bool own_group; /* groups.h; a terminal's ^C is for the master */
	bool keeps_rights; /* else no capability is left */
	/* Of a child that cannot exec: says so (with errno, 0: a step had no
	 * effect) through its first descriptor, and ends.  Async-signal-safe. */
	void (*fail)(int fd, const char *step);
};

/* Our own program's path, as it was when executable_open() was called first. */
const char *executable_self(void);

/*
 * Runs the program with these descriptors, default signals, the oom_score_adj
 * that the start found, and an empty environment; in a process group of its own
 * already, if it is to have one.  Returns its pid, or -1 with errno.
 */
pid_t executable_run(const struct executable *executable);

#endif
