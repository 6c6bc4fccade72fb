/* Whom the kernel kills when memory is short: a client's child, not the master. */
#ifndef MASTER_OOM_H
#define MASTER_OOM_H

/* The master's oom_score_adj, where it may have one below 0 (proc(5)). */
#define OOM_PROTECTED (-900)
/* What its children have where it may not have that, and has 0. */
#define OOM_EXPOSED 900
/* Instead of a value: they have the master's. */
#define OOM_SAME (-1001)

/*
 * Lowers our oom_score_adj, for which CAP_SYS_RESOURCE is needed; without it
 * children get a higher one, which everybody may, if ours is 0, and nothing is
 * said.  A manager that has lowered it already (OOMScoreAdjust=) is left to.  To
 * be called before privileges are dropped.  file is /proc/self/oom_score_adj, but
 * for tests.
 */
void oom_protect(const char *file);

/* What children have; OOM_SAME. */
int oom_childrens(void);

/* Instead of oom_protect(), by the program that an upgrade executes: the kernel
 * has kept the master's. */
void oom_resume(int childrens);

/*
 * In a child that still is what the master is, and that will exec: gives it what
 * children have.  The master never is without its protection, least of all in a
 * fork that the kernel finds no memory for.
 */
void oom_expose(void);

#endif
