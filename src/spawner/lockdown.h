/* Shutting the spawner, and all its children after it, into the sandbox. */
#ifndef SPAWNER_LOCKDOWN_H
#define SPAWNER_LOCKDOWN_H

struct plan;

/*
 * Sets the limits that children inherit, makes the process undumpable, gives
 * up new privileges, enters a Landlock domain as strict as the kernel knows
 * (none where it knows none) and loads the plan's seccomp filter.  With the
 * plan's sandbox off only the limits are set.  There is no way back.  Returns
 * NULL, or the step that failed (static text) with errno set.
 */
const char *lockdown(const struct plan *plan);

#endif
