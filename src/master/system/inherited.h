/* What survives execve(2): whatever state we were started in, the daemon runs
 * in the same one. */
#ifndef MASTER_INHERITED_H
#define MASTER_INHERITED_H

/*
 * To be called first in main().  Tidies what the table in inherited.c lists;
 * "passed" descriptors behind the standard three are left open.  Starts the
 * program anew, with argv, when memory is not laid out at random.  Ends the
 * process when something that matters cannot be had.
 */
void inherited_tidy(unsigned passed, char **argv);

/* Logs what was left as it was and will end a daemon. */
void inherited_warn(void);

#endif
