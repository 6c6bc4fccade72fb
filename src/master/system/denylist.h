/* The master's own seccomp filter: system calls that a serving daemon never
 * makes. */
#ifndef MASTER_DENYLIST_H
#define MASTER_DENYLIST_H

/*
 * Denies the calls of one table, and clone(2) with a new namespace, to this
 * process, its children and whatever they exec, for good; then tries one.
 * Everything else stays allowed, programs that are exec'd too: see
 * execveat_deny().
 * Needs no_new_privs.  Ends the process (EXIT_PRIVILEGE, naming the step) when
 * that fails or is not in effect.
 */
void denylist_enter(void);

#endif
