/* How an upgrade's trial ended. */
#ifndef MASTER_UPGRADE_VERDICT_H
#define MASTER_UPGRADE_VERDICT_H

#include <stdbool.h>

struct report;

/*
 * A program has ended with that status of waitpid(2), and has written said to its
 * standard output and error: lines of the log with their priority as "<N>"
 * (sd-daemon(3)), and what others have to say.  True when it has passed
 * (resume_passed()); else report has the errors, and what it warns of.
 */
bool upgrade_verdict(const char *said, int status, struct report *report);

#endif
