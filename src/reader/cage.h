/* The cage of the process that parses the configuration. */
#ifndef READER_CAGE_H
#define READER_CAGE_H

#include <sys/types.h>

/*
 * Confines the calling process, a child of parent, for good: no descriptor but
 * READER_PIPE; user nobody when it can be root; no capability; resource limits;
 * SIGALRM after seconds; death with the parent; not dumpable; no new privileges;
 * a filter that kills at any system call but those of one table.  Each step is
 * then read back, or tried.  Returns NULL, or the step that failed (static text)
 * with errno, which is 0 when it went through but is not in effect; the process
 * is then not to go on.
 */
const char *cage_enter(pid_t parent, unsigned seconds);

#endif
