/* The cage of the process that parses the configuration. */
#ifndef MASTER_CONFINE_H
#define MASTER_CONFINE_H

#include <sys/types.h>

#define CONFINE_FD 0 /* the descriptor that is kept */

/*
 * Confines the calling process, a fresh child of parent, for good: signals as
 * at the start of a program; no descriptor but CONFINE_FD; user nobody when it
 * can be root; no capability; resource limits; SIGALRM after seconds; death
 * with the parent; not dumpable; no new privileges; a filter that kills at any
 * system call but those of one table.  Each step is then read back, or tried.
 * Returns NULL, or the step that failed (static text) with errno, which is 0
 * when it went through but is not in effect; the process is then not to go on.
 */
const char *confine_enter(pid_t parent, unsigned seconds);

#endif
