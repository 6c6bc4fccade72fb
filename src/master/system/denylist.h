/* The master's own seccomp filter: system calls that a serving daemon never
 * makes. */
#ifndef MASTER_DENYLIST_H
#define MASTER_DENYLIST_H

/*
 * Denies the calls of one table, with EPERM, to this process, its children and
 * whatever they exec, for good; then tries one.  Everything else stays allowed.
 * Needs no_new_privs.  Ends the process (EXIT_PRIVILEGE, naming the step) when
 * that fails or is not in effect.
 */
void denylist_enter(void);

#endif
