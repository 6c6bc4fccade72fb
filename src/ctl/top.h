/* forkgreetctl top: a live view. */
#ifndef CTL_TOP_H
#define CTL_TOP_H

#include <stdint.h>

#include "shared/control.h"

/*
 * Asks the daemon at path once a second, each time for at most wait_ms, and
 * shows what it does: on a terminal as a screen until "q" is pressed, over
 * restarts of the daemon; elsewhere as lines, for as long as it answers.  Says
 * on standard error what goes wrong.
 */
enum control_status top_run(const char *path, int64_t wait_ms);

#endif
