/* The file that names the targets. */
#ifndef SOAK_TARGET_H
#define SOAK_TARGET_H

#include "reliability/soak/swarm.h"

/*
 * A line for each: NAME FORMAT FLAGS SHARE SOURCES FILLER ADDRESS PORT.  FORMAT
 * is a number, FLAGS are letters, "w" has_who, "p" is_proxied, "r" has_rules,
 * "-" none; ADDRESS is a path with PORT 0.  Returns how many; ends the process
 * when the file is not so.
 */
unsigned target_read(const char *path, struct target targets[TARGETS_MAX]);

#endif
